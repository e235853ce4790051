#!/usr/bin/env bash
# The Celery worker: as many jobs at once as this container's memory and cores are enough for, each with its share.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PIPELINE_JOBS_AT_ONCE=$(python -m spark_jobs.runtime.machine)
export PIPELINE_JOBS_AT_ONCE AIRFLOW__CELERY__WORKER_CONCURRENCY=$PIPELINE_JOBS_AT_ONCE
exec airflow celery worker
