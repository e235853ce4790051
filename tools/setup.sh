#!/usr/bin/env bash
# Creates .venv: the pinned packages, the jars, and the links through which spark-submit uses conf/ and spark_jobs/.
# With `dev`, it only adds the packages for tests, style checks and benchmarks. It is safe to run again at any time;
# make runs it when a lock file or this file has changed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
log=$root/data/logs/setup.log
uv=uv==0.13.9
packages() { quietly env VIRTUAL_ENV="$root/.venv" .venv/bin/uv pip sync --quiet --link-mode=copy --require-hashes "$1"; }
stop() { echo "setup: $*" >&2; exit 1; }
quietly() { "$@" >>"$log" 2>&1 || { tail -n 3 "$log" >&2; stop "failed at: $1 ${2:-} ${3:-}; the full log is $log."; }; }
mkdir -p "$(dirname "$log")"

if [ "${1:-}" = dev ]; then
  echo "setup: installing packages for tests …"
  packages requirements-dev.lock
  touch .venv/.dev
  exit
fi
# Use the Python in PYTHON, else the first suitable one on PATH. One without the venv module is skipped.
known="3.11 3.12 3.13"
version_of() { "$1" -E -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
is_known() { [[ " $known " == *" ${1:-none} "* ]]; }
python=
for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
  version=$(version_of "$candidate")
  is_known "$version" && "$candidate" -E -c 'import venv, ensurepip' 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
  wanted="Python 3.11, 3.12 or 3.13 is needed"
  if [ -z "${PYTHON:-}" ]; then
    stop "$wanted, with its venv module, and none was found; install it (Debian, Ubuntu: apt install python3 python3-venv), or set its path: make setup PYTHON=/path/to/python3.12."
  elif is_known "$version"; then
    stop "'$PYTHON' has no venv module; install it (Debian, Ubuntu: apt install python3-venv)."
  fi
  stop "$wanted and '$PYTHON' ${version:+is }${version:-was not found}; set the path of another one: make setup PYTHON=/path/to/python3.12."
fi
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null ||
  stop "Java 17 or later is needed and '$java' was not found; install it (Debian, Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME."
major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || true
[ "${major:-0}" -ge 17 ] || stop "Java 17 or later is needed, but '$java' is ${major:-of unknown version, or does not start with the current JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS or _JAVA_OPTIONS}; set JAVA_HOME to another Java."
tested="17 21 25"
[[ " $tested " == *" $major "* ]] || echo "setup: Java $major is accepted, but only Java 17, 21 and 25 are tested."

: > "$log"
before=$(cat .venv/.ready 2>/dev/null || true)
rm -f .venv/.ready .venv/.dev
echo "setup: installing packages (about a minute) …"
# Create the environment again where its Python version is not that of PYTHON, or where the checkout has moved.
present=$(version_of .venv/bin/python)
if [ -z "$present" ] || { [ -n "${PYTHON:-}" ] && [ "$present" != "$version" ]; } || [ "${before:-$root}" != "$root" ]; then
  quietly "$python" -E -m venv --clear .venv
fi
quietly .venv/bin/python -E -m pip install --quiet --disable-pip-version-check "$uv"
packages requirements.lock
site=$(.venv/bin/python -E -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo ../../../.. > "$site/pipeline.pth" # the checkout, relative: Python cannot read every full path in every language
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -E -X utf8 -m spark_jobs.cli "$@"\n' "$root" > .venv/bin/pipeline
chmod +x .venv/bin/pipeline
echo "setup: fetching the jars …"
quietly .venv/bin/python -E -X utf8 -m spark_jobs.runtime.installation
echo "setup: creating an archive of Java's classes, for faster starts (one or two minutes) …"
.venv/bin/python -E -X utf8 tools/make_class_archive.py >>"$log" 2>&1 ||
  echo "setup: the archive could not be created (see $log); everything works without it, but starts more slowly."
echo "$root" > .venv/.ready # make runs the set-up again where the checkout has moved
echo "setup: done."
