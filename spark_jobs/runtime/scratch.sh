# Sourced by spark-env.sh: creates a folder for the temporary files of this run. It sets `lock` to the number of an open
# file in the folder.
# Each run has its own folder for the files that it spills and unpacks. The JVM inherits an open, locked file in it. As
# long as the lock cannot be taken, the JVM is alive, perhaps in another container that shares this folder. Without
# flock, nothing is removed.
can_run() { # succeeds where programs can run from a folder: Java unpacks libraries into it and loads them
  local program=$1/.program result
  printf '#!/bin/sh\n' >"$program" && chmod 700 "$program" && "$program"
  result=$?
  rm -f "$program"
  return "$result"
} 2>/dev/null
places=("${PIPELINE_SCRATCH:-${TMPDIR:-/tmp}/pipeline-$(id -u)}")
[ -n "${PIPELINE_SCRATCH:-}" ] || places+=("$PIPELINE_HOME/data/scratch") # used where programs cannot run from the temporary folder
own=
for scratch in "${places[@]}"; do
  mkdir -p -m 700 "$scratch" 2>/dev/null
  if [ -z "${PIPELINE_SCRATCH:-}" ]; then # anybody could have created a folder of this name before
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
  echo "${places[0]}: programs cannot run from this folder (noexec), and Java loads libraries from it; set PIPELINE_SCRATCH to another folder." >&2
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
mv "$own" "$scratch/.run-${own##*.new-}" # only now: every .run-… folder is locked; earlier versions ignore this name
own=$scratch/.run-${own##*.new-}
export SPARK_LOCAL_DIRS=${SPARK_LOCAL_DIRS:-$own}
escaped=${own//\\/\\\\}
export SPARK_SUBMIT_OPTS="-Djava.io.tmpdir=\"${escaped//\"/\\\"}\" ${SPARK_SUBMIT_OPTS:-}"
unset scratch places own old escaped
unset -f can_run
