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
    for name, usage in after.items():
        table.add_row(name, *map(_format_change, _format_usage(before.get(name, usage)), _format_usage(usage)))
    return table


def _format_usage(usage: FileUsage) -> tuple[str, ...]:
    megabytes = (f"{size / 1e6:,.1f}" for size in (usage.bytes, usage.on_disk))
    return (f"{usage.files:,}", *megabytes, f"{usage.log_entries:,}", f"{usage.checkpoint_bytes / 1e3:,.0f}")


def _format_change(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"
