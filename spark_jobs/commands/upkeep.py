"""`make upkeep`: maintain the tables of every writer in turn, and print the table sizes before and after."""

from collections.abc import Sequence

from spark_jobs.command_line import hold_leases, load_settings
from spark_jobs.context import context
from spark_jobs.errors import BusyError
from spark_jobs.maintenance import compaction, removal, sizes
from spark_jobs.observability.console import Console
from spark_jobs.project import typed
from spark_jobs.session import spark_session


def main(overrides: Sequence[str] = ()) -> int:
    """Run all maintenance; print the table sizes before and after. A writer that is busy in another run is skipped."""
    settings, console = load_settings(overrides), Console()
    ctx = context(settings, spark_session("upkeep"))
    before = sizes.measure_tables(ctx)
    for writer in compaction.WRITERS:
        try:
            with hold_leases(settings, ctx.spark, [writer]) as holder:
                console.say(
                    f"{writer}: {compaction.compact_closed_days(holder, writer)['days_joined']:,} days compacted"
                )
        except BusyError as error:
            console.say(f"skipped until the next upkeep: {error}")
    done = removal.remove_unneeded(ctx)
    console.say(f"old logs removed: {done['logs_removed']:,}")
    console.out.print(sizes.as_table(before, sizes.measure_tables(ctx)))
    console.say(
        f"every build of the last {settings.retention.rebuild_days} days can still be repeated ({typed('rebuild')})"
    )
    return 0
