#!/usr/bin/env bash
# spark-submit and spark-sql of this environment; the set-up links both to this file. They always run the Spark of the
# environment's own packages, even where SPARK_HOME, SPARK_CONF_DIR, PYSPARK_PYTHON or PYTHONPATH name another one.
# spark-env.sh sets everything else.
unset CDPATH SPARK_ENV_LOADED # a spark-submit that starts this one leaves the second variable set
home=$(cd "$(dirname "${BASH_SOURCE[0]}")"/../lib/python3.*/site-packages/pyspark && pwd) || exit 1
conf=${PIPELINE_SPARK_CONF:-$home/conf}
unused=
[ "${SPARK_CONF_DIR:-$conf}" = "$conf" ] || unused=SPARK_CONF_DIR
[ "${SPARK_HOME:-$home}" = "$home" ] || unused=${unused:+$unused, }SPARK_HOME
[ -z "$unused" ] || echo "note: set for other software, and not used here: $unused (conf/README.md)." >&2
export SPARK_HOME=$home SPARK_CONF_DIR=$conf
unset conf unused
exec "$home/bin/$(basename "${BASH_SOURCE[0]}")" "$@"
