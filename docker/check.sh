#!/usr/bin/env bash
# `make compose-check`: builds the stack, starts it, and waits until one hourly and one daily run are green.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(docker-compose)
minutes=${MINUTES:-20}
log=${PIPELINE_LOGS:-data/logs}/compose.log
mkdir -p "$(dirname "$log")"
stop() { echo "compose-check: $*" >&2; exit 1; }
docker info >/dev/null 2>&1 || stop "no Docker engine answers; start it."
bash docker/env.sh
echo "compose-check: building (minutes the first time) …"
"${compose[@]}" build >"$log" 2>&1 || { tail -n 5 "$log" >&2; stop "the build failed; the whole log is $log."; }
"${compose[@]}" up -d >>"$log" 2>&1 || { tail -n 5 "$log" >&2; stop "the start failed; the whole log is $log."; }
states() {
  "${compose[@]}" exec -T postgres psql -U airflow -d airflow -At -F ' ' \
    -c "SELECT dag_id, state FROM dag_run ORDER BY dag_id, run_after" 2>/dev/null || true
}
shown=
for _ in $(seq $((minutes * 12))); do
  now=$(states)
  [ "$now" = "$shown" ] || { shown=$now; echo "$now" | sed 's/^/compose-check: /'; }
  if grep -q '^data_collection_pipeline success' <<<"$now" && grep -q '^data_preprocessing_pipeline success' <<<"$now"; then
    rows=$("${compose[@]}" exec -T warehouse psql -U pipeline -d pipeline -At -c "SELECT count(*) FROM user_events")
    echo "compose-check: both DAGs are green; PostgreSQL serves $rows events."
    exit 0
  fi
  grep -q ' failed' <<<"$now" && stop "a run failed; look at it in the UI, or: ${compose[*]} logs worker."
  sleep 5
done
stop "no green run after $minutes minutes; look at: ${compose[*]} ps, ${compose[*]} logs."
