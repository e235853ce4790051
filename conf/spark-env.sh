# Read by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf points to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(dirname "$here")
python=$root/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3)
# The rules are in spark_jobs/environment.py, for the commands that start Spark themselves as well.
decided=$("$python" -E -P -X utf8 -m spark_jobs.environment "$root" "$python") || exit $?
eval "$decided"
# What a run spills and unpacks is in a folder of its own. The JVM inherits an open file in it that is locked: as long as
# the lock cannot be taken the JVM lives, perhaps in another container that shares this folder. Without it nothing is removed.
can_run() { # whether programs run from a folder: Java unpacks libraries into it and loads them
  local program=$1/.program result
  printf '#!/bin/sh\n' >"$program" && chmod 700 "$program" && "$program"
  result=$?
  rm -f "$program"
  return "$result"
} 2>/dev/null
first=${PIPELINE_SCRATCH:-${TMPDIR:-/tmp}/pipeline-$(id -u)}
own=
for scratch in "$first" ${PIPELINE_SCRATCH:-"$root/data/scratch"}; do
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
  can_run "$own" && break
  rmdir "$own"
  own=
done
[ -n "$own" ] || {
  echo "$first: programs cannot run from this folder (noexec), and Java loads libraries from it; set PIPELINE_SCRATCH to another folder." >&2
  exit 1
}
lock=
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
escaped=${own//\\/\\\\}
export SPARK_SUBMIT_OPTS="-Djava.io.tmpdir=\"${escaped//\"/\\\"}\" ${SPARK_SUBMIT_OPTS:-}"
# No logging setting reaches what the JVM says at its start: of its vector module, and of variables that hold options, perhaps
# with passwords.
exec 2> >([ -z "$lock" ] || exec {lock}>&-; exec grep --line-buffered -Ev '^WARNING: Using incubator modules: jdk.incubator.vector$|^(NOTE: )?Picked up _?J[A-Z_]+:' >&2)
unset here root python decided scratch first own old lock escaped
unset -f can_run
