#!/usr/bin/env bash
# Makes .venv: the pinned packages, the jars, and the links by which spark-submit finds conf/ and spark_jobs/.
# Safe to run again at any time; called by make when requirements.lock or this file is newer than .venv/.ready.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
python=${PYTHON:-python3.11}
log=$root/data/logs/setup.log
stop() { echo "setup: $*" >&2; exit 1; }

command -v "$python" >/dev/null ||
  stop "Python 3.11 is needed and '$python' was not found; install it, or name yours: make setup PYTHON=/path/to/python3.11."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || stop "'$python' does not run."
[ "$version" = 3.11 ] || stop "Python 3.11 is needed, '$python' is $version; name another: make setup PYTHON=/path/to/python3.11."
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  stop "Python's venv module is missing; install it (Debian, Ubuntu: apt install python3.11-venv)."
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null ||
  stop "Java 17 is needed and '$java' was not found; install it (Debian, Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME."
major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
[ "${major:-0}" -ge 17 ] || stop "Java 17 or later is needed, '$java' is ${major:-unknown}; set JAVA_HOME to a newer one."

mkdir -p "$(dirname "$log")"
: > "$log"
quietly() { "$@" >>"$log" 2>&1 || { tail -n 3 "$log" >&2; stop "failed at: $1 ${2:-} ${3:-}; the whole log is $log."; }; }

rm -f .venv/.ready
echo "setup: installing packages (about a minute) …"
[ -x .venv/bin/python ] || quietly "$python" -m venv .venv
quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
quietly env VIRTUAL_ENV="$root/.venv" .venv/bin/uv pip sync --quiet --link-mode=copy --require-hashes requirements.lock
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$root" > "$site/pipeline.pth"
ln -sfn "$root/conf" "$site/pyspark/conf"
echo "setup: fetching the jars …"
quietly .venv/bin/python conf/jars.py
touch .venv/.ready
echo "setup: done."
