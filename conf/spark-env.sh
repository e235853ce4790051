# Sourced by every spark-submit and spark-sql of this environment (site-packages/pyspark/conf is a link to this folder).
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(dirname "$here")
python=$(cd "${SPARK_HOME:-none}/../../../../bin" 2>/dev/null && pwd)/python # of the environment that this Spark is installed in
if [ -d "$root/spark_jobs" ]; then # a checkout: its data is in it
  export PIPELINE_HOME=$root
  [ ! -x "$root/.venv/bin/python" ] || python=$root/.venv/bin/python
fi
if [ ! -x "$python" ]; then # in a container image, or on a machine of a cluster
  python=$(command -v python3)
  "${python:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "spark-submit: ${python:-python3} is missing or older than Python 3.11; run make setup, or put another Python first on PATH." >&2
    exit 2
  }
fi
# spark_jobs/runtime/environment.py has the rules. Commands that start Spark themselves use them too.
decided=$("$python" -E -P -X utf8 -m spark_jobs.runtime.environment "$@") || exit $?
eval "$decided"
. "$runtime/scratch.sh"
# No logging setting affects what the JVM prints at its start: warnings about its own parts that Spark uses, and variables
# with options, perhaps with passwords. These lines are removed from stderr.
said='^WARNING: (Using incubator modules|package sun\.security\.action|A (terminally deprecated|restricted) method|sun\.misc\.Unsafe::|java\.lang\.System::|Please consider reporting|Use --enable-native-access|Restricted methods)|^(NOTE: )?Picked up _?J[A-Z_]+:'
exec 2> >([ -z "$lock" ] || exec {lock}>&-; exec grep --line-buffered -Ev "$said" >&2)
unset here root python runtime decided lock said
