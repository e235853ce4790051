# Read by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf points to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
export PIPELINE_LOGS=${PIPELINE_LOGS:-$(dirname "$here")/data/logs}
export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$(dirname "$here")/.venv/bin/python}
# A scheduler may run jobs from anywhere.
export PYTHONPATH=$(dirname "$here")${PYTHONPATH:+:$PYTHONPATH}
# The JVM greets every start with a line about its vector module; it is the only one that no logging setting reaches.
exec 2> >(exec grep --line-buffered -v '^WARNING: Using incubator modules: jdk.incubator.vector$' >&2)
