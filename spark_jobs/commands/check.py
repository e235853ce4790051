"""Prove everything that is there: `make check`. The counting identities, and Delta beside PostgreSQL, hour by hour."""

import sys

from spark_jobs import tables
from spark_jobs.closing import identities
from spark_jobs.command_line import guarded, parser
from spark_jobs.console import Console
from spark_jobs.context import Context, context
from spark_jobs.postgres.database import opened
from spark_jobs.postgres.warehouse import same
from spark_jobs.predicates import in_units
from spark_jobs.session import spark_session
from spark_jobs.settings import load
from spark_jobs.transforms.digest import of_hours
from spark_jobs.windows import HOUR, ranges


def main() -> int:
    """Prints one line for each proof; raises IdentityError with the window and both figures where one fails."""
    settings = load(parser("make check", __doc__).parse_args().set)
    ctx = context(settings, spark_session("check"))
    console = Console()
    for line in identities(ctx):
        console.say(line)
    hours, rows = served(ctx)
    console.say(
        f"checked: PostgreSQL = user_events in each of {hours:,} loaded hours, {rows:,} rows, by count and digest"
    )
    return 0


def served(ctx: Context) -> tuple[int, int]:
    """Hours and rows in which PostgreSQL and user_events are the same. Raises IdentityError where they are not.

    Hours that wait for their load, or were stopped, are served as they were before, and not compared.
    """
    units = ctx.ledger.units(lambda unit: unit.hour is not None)
    loaded = [unit.hour for unit in units if unit.status == "loaded"]
    waiting = {unit.hour for unit in units if unit.status in (None, "committed", "stopped")}
    events = ctx.storage.read(tables.USER_EVENTS).where(in_units(ranges(loaded, HOUR)))
    due = {row.hour: (row.rows, row.digest) for row in of_hours(events).collect()}
    with opened(ctx) as warehouse:
        same({hour: found for hour, found in warehouse.hours().items() if hour not in waiting}, due)
    return len(loaded), sum(rows for rows, _ in due.values())


if __name__ == "__main__":
    sys.exit(guarded("check", main))
