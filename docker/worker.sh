#!/usr/bin/env bash
# The Celery worker: it runs as many jobs at the same time as this container has memory and cores for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PIPELINE_JOBS_AT_ONCE=$(python -m spark_jobs.runtime.machine)
export PIPELINE_JOBS_AT_ONCE AIRFLOW__CELERY__WORKER_CONCURRENCY=$PIPELINE_JOBS_AT_ONCE
exec airflow celery worker
