"""`make upkeep`: the upkeep of every part in turn, and what the tables took before and after."""

import sys

from spark_jobs.command_line import leased, parser, run_guarded
from spark_jobs.context import context
from spark_jobs.errors import BusyError
from spark_jobs.maintenance import compaction, removal, sizes
from spark_jobs.observability.console import Console
from spark_jobs.session import spark_session
from spark_jobs.settings import load


def main() -> int:
    """Does all of it and prints what the tables take, before and after. A part that another run writes is left."""
    settings, console = load(parser("make upkeep", __doc__).parse_args().set), Console()
    ctx = context(settings, spark_session("upkeep"))
    before = sizes.measure_tables(ctx)
    for writer in compaction.WRITERS:
        try:
            with leased(settings, ctx.spark, [writer]) as holder:
                console.say(f"{writer}: {compaction.compact_closed_days(holder, writer)['days_joined']:,} days joined")
        except BusyError as error:
            console.say(f"left for next time: {error}")
    done = removal.remove_unneeded(ctx)
    console.say(f"old logs removed: {done['logs_removed']:,}")
    console.out.print(sizes.as_table(before, sizes.measure_tables(ctx)))
    console.say(f"every build of the last {settings.retention.rebuild_days} days can still be repeated (make rebuild)")
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded("upkeep", main))
