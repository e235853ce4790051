# Read by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf points to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(dirname "$here")
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then # an image, or a cluster's machine
  python=$(command -v python3)
  "${python:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "spark-submit: ${python:-python3} is not there or is older than Python 3.11; make setup, or put another one first on PATH." >&2
    exit 2
  }
fi
# The rules are in spark_jobs/runtime/environment.py, for the commands that start Spark themselves as well.
decided=$("$python" -E -P -X utf8 -m spark_jobs.runtime.environment "$root" "$python" "$@") || exit $?
eval "$decided"
. "$root/tools/scratch.sh"
# No logging setting reaches what the JVM says at its start: of its own parts that Spark uses, and of variables that hold
# options, perhaps with passwords.
said='^WARNING: (Using incubator modules|package sun\.security\.action|A (terminally deprecated|restricted) method|sun\.misc\.Unsafe::|java\.lang\.System::|Please consider reporting|Use --enable-native-access|Restricted methods)|^(NOTE: )?Picked up _?J[A-Z_]+:'
exec 2> >([ -z "$lock" ] || exec {lock}>&-; exec grep --line-buffered -Ev "$said" >&2)
unset here root python decided lock said
