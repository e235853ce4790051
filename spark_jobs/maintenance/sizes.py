"""The storage that the tables use, and how it has changed."""

from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table as Printed

from spark_jobs import tables
from spark_jobs.context import Context
from spark_jobs.delta.files import FileUsage, measure_files


def measure_tables(ctx: Context, chosen: Iterable[tables.Table] = tables.ALL) -> dict[str, FileUsage]:
    """Return the storage that each existing table uses."""
    return {table.name: measure_files(ctx.storage, table) for table in chosen if ctx.storage.exists(table)}


def as_table(before: Mapping[str, FileUsage], after: Mapping[str, FileUsage]) -> Printed:
    """Return the sizes as a table to print. A figure that changed is shown as before → after."""
    table = Printed(title="table sizes", title_justify="left", box=box.SIMPLE_HEAD)
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
