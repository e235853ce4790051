# Read by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf points to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
export PIPELINE_LOGS=${PIPELINE_LOGS:-$(dirname "$here")/data/logs}
export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$(dirname "$here")/.venv/bin/python}
# A scheduler may run jobs from anywhere, and from an archive.
export PIPELINE_HOME=$(dirname "$here")
export PYTHONPATH=$(dirname "$here")${PYTHONPATH:+:$PYTHONPATH}
# What a run spills and unpacks lies in a folder named after its process; folders of processes that are gone are removed.
scratch=${PIPELINE_SCRATCH:-${TMPDIR:-/tmp}/pipeline-$(id -u)}
for old in "$scratch"/*/; do kill -0 "$(basename "$old")" 2>/dev/null || rm -rf "$old"; done
mkdir -p "$scratch/$$"
export SPARK_LOCAL_DIRS=${SPARK_LOCAL_DIRS:-$scratch/$$}
export SPARK_SUBMIT_OPTS="-Djava.io.tmpdir=$scratch/$$ ${SPARK_SUBMIT_OPTS:-}"
# The JVM greets every start with a line about its vector module; it is the only one that no logging setting reaches.
exec 2> >(exec grep --line-buffered -v '^WARNING: Using incubator modules: jdk.incubator.vector$' >&2)
