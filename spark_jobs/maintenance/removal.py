"""Remove what nobody needs any more: old files, logs, lineage events and verdicts."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.delta.files import vacuum
from spark_jobs.postgres.database import open_database
from spark_jobs.session import now
from spark_jobs.settings.types import Paths
from spark_jobs.validation import great_expectations

DAY_HOURS, DAY_SECONDS = 24, 86400
# The DAGs of this project (dags/*.py): an Airflow may have others, whose logs are not ours to remove.
DAGS = ("data_collection_pipeline", "data_preprocessing_pipeline", "data_maintenance_pipeline", "run_report")
OURS, EVENTS = "error-*.txt", "*.ndjson"
GROWING = "airflow.ndjson"  # of the events, the file that Airflow appends to; Spark has one for each run


def remove_unneeded(ctx: Context) -> Summary:
    """Removes what nobody needs any more. Of a table, what was replaced longer ago than builds can be repeated and a
    day: longer than any run that may still read it."""
    kept = ctx.settings.retention
    for table in tables.ALL:
        vacuum(ctx.storage, table, (kept.rebuild_days + 1) * DAY_HOURS)
    great_expectations.prune(ctx.settings.paths.quality, ctx.settings.quality.docs_days)
    _rotate(Path(ctx.settings.paths.lineage) / GROWING)
    old = list(_old_logs(ctx.settings.paths, kept.log_days))
    for path in old:
        path.unlink(missing_ok=True)
    with open_database(ctx) as database:
        database.vacuum()
    return {"logs_removed": len(old)}


def _rotate(path: Path) -> None:
    """Sets the file aside, so that it can grow old. Airflow opens it anew for each event, and none is lost."""
    if path.exists():
        path.replace(path.with_stem(f"{path.stem}-{now():%Y%m%dT%H%M%S}"))


def _old_logs(paths: Paths, days: int) -> Iterator[Path]:
    """Traces of our own, events of lineage, and logs of our own tasks where this runs below Airflow."""
    folder = Path(paths.logs)
    airflow = os.environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER") or f"{os.environ.get('AIRFLOW_HOME') or folder}/logs"
    before = time.time() - days * DAY_SECONDS
    tasks = (Path(airflow).glob(f"dag_id={name}/**/*.log") for name in DAGS)
    for found in (folder.glob(OURS), Path(paths.lineage).glob(EVENTS), *tasks):
        yield from (path for path in found if path.stat().st_mtime < before)
