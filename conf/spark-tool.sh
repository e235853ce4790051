#!/usr/bin/env bash
# spark-submit and spark-sql of this environment (the set-up links both to this file): always the Spark of its own packages,
# whatever SPARK_HOME, SPARK_CONF_DIR, PYSPARK_PYTHON or PYTHONPATH name. The rest is decided in spark-env.sh.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")"/../lib/python3.*/site-packages/pyspark && pwd) || exit 1
if [ -n "${SPARK_HOME:-}" ] && [ "$SPARK_HOME" != "$home" ]; then
  echo "note: set for other software, and not used here: SPARK_HOME (conf/README.md)." >&2
fi
export SPARK_HOME=$home SPARK_CONF_DIR=${PIPELINE_SPARK_CONF:-$home/conf}
exec "$home/bin/$(basename "${BASH_SOURCE[0]}")" "$@"
