# Read by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf points to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
export PIPELINE_LOGS=${PIPELINE_LOGS:-$(dirname "$here")/data/logs}
export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$(dirname "$here")/.venv/bin/python}
# A scheduler may run jobs from anywhere, and from an archive.
export PIPELINE_HOME=$(dirname "$here")
export PYTHONPATH=$(dirname "$here")${PYTHONPATH:+:$PYTHONPATH}
# What a run spills and unpacks is in a folder of its own. The JVM inherits an open file in it that is locked: as long as
# the lock cannot be taken the JVM lives, perhaps in another container that shares this folder. Without it nothing is removed.
scratch=${PIPELINE_SCRATCH:-${TMPDIR:-/tmp}/pipeline-$(id -u)}
lock=
mkdir -p -m 700 "$scratch" 2>/dev/null
if [ -z "${PIPELINE_SCRATCH:-}" ]; then # a name that anybody could have taken before
  if [ -L "$scratch" ] || [ ! -d "$scratch" ] || [ ! -O "$scratch" ]; then
    echo "$scratch: this folder for temporary files is not a folder of your own; set PIPELINE_SCRATCH to one." >&2
    exit 1
  fi
  chmod 700 "$scratch"
fi
own=$(mktemp -d "$scratch/.new-XXXXXXXX" 2>/dev/null) || {
  echo "$scratch: temporary files cannot be written here; set PIPELINE_SCRATCH to another folder." >&2
  exit 1
}
if command -v flock >/dev/null; then
  for old in "$scratch"/.run-*/; do
    [ ! -L "${old%/}" ] && [ -O "$old" ] && [ -f "$old/.pipeline-lock" ] && (flock -n 9 && rm -rf "$old") 9<"$old/.pipeline-lock"
  done 2>/dev/null
  exec {lock}>"$own/.pipeline-lock"
  flock "$lock"
fi
mv "$own" "$scratch/.run-${own##*.new-}" # only now: what is called .run-… is locked; an earlier version sees no such name
own=$scratch/.run-${own##*.new-}
export SPARK_LOCAL_DIRS=${SPARK_LOCAL_DIRS:-$own}
export SPARK_SUBMIT_OPTS="-Djava.io.tmpdir=$own ${SPARK_SUBMIT_OPTS:-}"
# The JVM greets every start with a line about its vector module; it is the only one that no logging setting reaches.
exec 2> >([ -z "$lock" ] || exec {lock}>&-; exec grep --line-buffered -v '^WARNING: Using incubator modules: jdk.incubator.vector$' >&2)
unset here scratch own old lock
