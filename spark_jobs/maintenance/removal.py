"""Removal of what nobody needs any more: old files, logs, lineage events and verdicts."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.delta.files import vacuum
from spark_jobs.observability import run_log
from spark_jobs.postgres.database import open_database
from spark_jobs.session import now
from spark_jobs.settings.types import Paths
from spark_jobs.validation import great_expectations

DAY_HOURS, DAY_SECONDS = 24, 86400
# The DAGs of this project (dags/*.py). An Airflow may have others, whose logs must not be removed.
DAGS = ("data_collection_pipeline", "data_preprocessing_pipeline", "data_maintenance_pipeline", "run_report")
OURS, EVENTS = ("error-*.txt", f"{Path(run_log.FILE).stem}-*.log"), "*.ndjson"
GROWING = "airflow.ndjson"  # the events file that Airflow appends to; Spark writes one for each run


def remove_unneeded(ctx: Context) -> Summary:
    """Remove what nobody needs any more.

    Files of a table are removed if they were replaced longer ago than the days in which builds can be repeated, plus
    one day. That is longer than any run that may still read them.
    """
    retention = ctx.settings.retention
    for table in tables.ALL:
        vacuum(ctx.storage, table, (retention.rebuild_days + 1) * DAY_HOURS)
    great_expectations.prune(ctx.settings.paths.quality, ctx.settings.quality.docs_days)
    _rotate_file(Path(ctx.settings.paths.lineage) / GROWING)
    _rotate_file(Path(ctx.settings.paths.logs) / run_log.FILE)
    old = list(_list_old_logs(ctx.settings.paths, retention.log_days))
    for path in old:
        path.unlink(missing_ok=True)
    with open_database(ctx) as database:
        database.vacuum()
    return {"logs_removed": len(old)}


def _rotate_file(path: Path) -> None:
    """Rename the file, so that it can reach the age of removal.

    Airflow opens the file again for each event, and a run opens its log again where it was renamed. Nothing is lost.
    """
    if path.exists():
        path.replace(path.with_stem(f"{path.stem}-{now():%Y%m%dT%H%M%S}"))


def _list_old_logs(paths: Paths, days: int) -> Iterator[Path]:
    """Yield old files: error traces, logs of runs, lineage events, and Airflow's logs of this project's tasks."""
    folder = Path(paths.logs)
    airflow = os.environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER") or f"{os.environ.get('AIRFLOW_HOME') or folder}/logs"
    before = time.time() - days * DAY_SECONDS
    tasks = (Path(airflow).glob(f"dag_id={name}/**/*.log") for name in DAGS)
    ours = (folder.glob(name) for name in OURS)
    for paths_of_kind in (*ours, Path(paths.lineage).glob(EVENTS), *tasks):
        yield from (path for path in paths_of_kind if path.stat().st_mtime < before)
