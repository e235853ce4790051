#!/usr/bin/env bash
# The stack's first step: refuses example secrets, then prepares Airflow's database, the pools and the login.
set -euo pipefail
stop() { echo "init: $*" >&2; exit 1; }
case "$AIRFLOW__CORE__FERNET_KEY $AIRFLOW__API_AUTH__JWT_SECRET" in
  *change-me*) stop "FERNET_KEY or JWT_SECRET has the value of .env.example; remove .env and run docker/env.sh." ;;
esac
if [ "$AIRFLOW_ADMIN_PASSWORD" = change-me ] && [ "$AIRFLOW_BIND" != 127.0.0.1 ]; then
  stop "AIRFLOW_ADMIN_PASSWORD is that of .env.example and the UI is open to the network; set another one in .env."
fi
mkdir -p data/lineage data/metrics
airflow db migrate >/tmp/init.log 2>&1 || { tail -n 5 /tmp/init.log >&2; stop "airflow db migrate failed."; }
airflow pools import conf/pools.json >>/tmp/init.log 2>&1 || { tail -n 5 /tmp/init.log >&2; stop "the pools could not be imported."; }
airflow users create --role Admin --username admin --password "$AIRFLOW_ADMIN_PASSWORD" --email admin@localhost \
  --firstname admin --lastname admin >>/tmp/init.log 2>&1 || { tail -n 5 /tmp/init.log >&2; stop "the login could not be created."; }
echo "init: database, pools and login are ready."
