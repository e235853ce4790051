"""Upkeep: what a warehouse needs once a week, so that years of hourly runs leave it as fast as it was.

Small files of closed days are joined; files that no table needs and no rebuild may ask for are removed, old logs,
lineage and verdicts too; PostgreSQL's planner learns what there is. No part of a run that writes events, and safe
beside one.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich import box
from rich.table import Table as Printed

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.delta.files import FileUsage, compact, measure_files, vacuum
from spark_jobs.flow import Writer, tables_of_days
from spark_jobs.postgres.database import open_database
from spark_jobs.recovery.unrecorded import undo_unrecorded
from spark_jobs.session import now
from spark_jobs.settings.types import Paths
from spark_jobs.validation import great_expectations
from spark_jobs.windows import DAY, floor, parse_day

WRITERS = tuple(writer for writer in Writer if tables_of_days(writer))  # those that leave small files
DAY_HOURS, DAY_SECONDS = 24, 86400
# The DAGs of this project (dags/*.py): an Airflow may have others, whose logs are not ours to remove.
DAGS = ("data_collection_pipeline", "data_preprocessing_pipeline", "data_maintenance_pipeline", "run_report")
OURS, EVENTS = "error-*.txt", "*.ndjson"
GROWING = "airflow.ndjson"  # of the events, the file that Airflow appends to; Spark has one for each run


def compact_closed_days(ctx: Context, writer: Writer) -> Summary:
    """Join the small files of the writer's closed days: complete, and before today. The caller holds its lease.

    What a killed attempt left is taken back first, while the files that this needs are still there.
    """
    chosen = tables_of_days(writer)
    undo_unrecorded(ctx.write_as(writer), *chosen)
    today = floor(now(), DAY)
    days = [day for row in ctx.ledger.days() if row["complete"] and (day := parse_day(row["day"])) < today]
    return {"days_joined": sum(compact(ctx.storage, table, days) for table in chosen)}


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


def measure_tables(ctx: Context, chosen: Iterable[tables.Table] = tables.ALL) -> dict[str, FileUsage]:
    """What each of the tables that exist takes."""
    return {table.name: measure_files(ctx.storage, table) for table in chosen if ctx.storage.exists(table)}


def as_table(before: Mapping[str, FileUsage], after: Mapping[str, FileUsage]) -> Printed:
    """The sizes as a table: each figure that changed as before → after."""
    table = Printed(title="what the tables take", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("table")
    for heading in ("files", "MB", "MB on disk", "log entries", "checkpoint kB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, now_held in after.items():
        table.add_row(name, *map(_change, _shown(before.get(name, now_held)), _shown(now_held)))
    return table


def _shown(one: FileUsage) -> tuple[str, ...]:
    megabytes = (f"{size / 1e6:,.1f}" for size in (one.bytes, one.on_disk))
    return (f"{one.files:,}", *megabytes, f"{one.log_entries:,}", f"{one.checkpoint_bytes / 1e3:,.0f}")


def _change(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"
