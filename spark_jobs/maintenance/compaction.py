"""Compaction of the small files that hourly writes left in closed days."""

from spark_jobs.context import Context, Summary
from spark_jobs.delta.files import compact
from spark_jobs.flow import Writer, list_daily_tables
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.session import now
from spark_jobs.windows import DAY, floor, parse_day

WRITERS = tuple(writer for writer in Writer if list_daily_tables(writer))  # the writers that leave small files


def compact_closed_days(ctx: Context, writer: Writer) -> Summary:
    """Compact the small files of the writer's closed days: complete, and before today.

    The caller holds the writer's lease. Changes that a killed attempt left are undone first, while the files needed for
    that still exist.
    """
    daily_tables = list_daily_tables(writer)
    undo_unrecorded(ctx.write_as(writer), *daily_tables)
    today = floor(now(), DAY)
    days = [day for row in ctx.ledger.days() if row["complete"] and (day := parse_day(row["day"])) < today]
    return {"days_joined": sum(compact(ctx.storage, table, days) for table in daily_tables)}
