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
docker info >/dev/null 2>&1 || stop "the Docker engine does not answer; start it."
bash docker/env.sh
echo "compose-check: building (minutes the first time) …"
"${compose[@]}" build >"$log" 2>&1 || { tail -n 5 "$log" >&2; stop "the build failed; the full log is $log."; }
"${compose[@]}" up -d >>"$log" 2>&1 || { tail -n 5 "$log" >&2; stop "the start failed; the full log is $log."; }
states() {
  "${compose[@]}" exec -T postgres psql -U airflow -d airflow -At -c "
    SELECT format('%s: %s of %s tasks green', dag_id, count(*) FILTER (WHERE state = 'success'), count(*)) ||
      coalesce(', not green: ' || string_agg(task_id || ' ' || state, ', ') FILTER (WHERE state = 'failed'), '')
    FROM task_instance GROUP BY dag_id, run_id ORDER BY dag_id, run_id" 2>/dev/null || true
}
shown=
for _ in $(seq $((minutes * 12))); do
  now=$(states)
  [ "$now" = "$shown" ] || { shown=$now; echo "$now" | sed 's/^/compose-check: /'; }
  if grep -q '^data_collection_pipeline: 3 of 3' <<<"$now" && grep -q '^data_preprocessing_pipeline: 5 of 5' <<<"$now"; then
    rows=$("${compose[@]}" exec -T events-db psql -U pipeline -d pipeline -At -c "SELECT count(*) FROM user_events")
    echo "compose-check: both DAGs are green; PostgreSQL serves $rows events."
    exit 0
  fi
  ! grep -q 'not green' <<<"$now" || stop "a task is not green; look at it in the UI, or: ${compose[*]} logs worker."
  sleep 5
done
stop "no green run after $minutes minutes; look at: ${compose[*]} ps, ${compose[*]} logs."
