"""`make vacuum`: removes the files that no table needs any more and that no rebuild may ask for."""

import argparse
import sys

from spark_jobs import tables
from spark_jobs.command_line import guarded
from spark_jobs.console import Console
from spark_jobs.context import Context, context
from spark_jobs.session import spark_session
from spark_jobs.settings import load

DAY_HOURS = 24


def main() -> int:
    """Prints what became of the room that the files of the tables take."""
    parser = argparse.ArgumentParser(prog="make vacuum", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    ctx, console = context(load(parser.parse_args().set), spark_session("vacuum")), Console()
    before = _megabytes(ctx)
    vacuum(ctx)
    console.say(f"the tables' files take {_megabytes(ctx):,.1f} MB, {before:,.1f} MB before")
    days = ctx.settings.retention.rebuild_days
    console.say(f"every build of the last {days} days can still be repeated (make rebuild)")
    return 0


def _megabytes(ctx: Context) -> float:
    return sum(ctx.storage.size(table) for table in tables.ALL) / 1e6


def vacuum(ctx: Context) -> None:
    """Of every table, what was replaced longer ago than builds can be repeated, and a day; safe beside running jobs."""
    for table in tables.ALL:
        ctx.storage.vacuum(table, (ctx.settings.retention.rebuild_days + 1) * DAY_HOURS)


if __name__ == "__main__":
    sys.exit(guarded("vacuum", main))
