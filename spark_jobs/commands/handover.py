"""`make handover`: take the database over from another warehouse. It asks first; `YES=1` skips the question.

The rows of the earlier owner are removed from PostgreSQL; its Delta tables do not change. The next load fills the
database from this warehouse, and the earlier owner is refused.
"""

import os
import sys
from collections.abc import Callable, Sequence

from spark_jobs.command_line import hold_leases, load_settings
from spark_jobs.context import Context
from spark_jobs.flow import Writer
from spark_jobs.observability.console import Console
from spark_jobs.postgres import ownership
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.postgres.ownership import Owner
from spark_jobs.project import SUBMIT, typed
from spark_jobs.session import spark_session
from spark_jobs.tables import HourStatus
from spark_jobs.windows import HOUR, name


def main(overrides: Sequence[str] = ()) -> int:
    """Ask, then hand the database over; print what was removed and how to fill it."""
    settings, console = load_settings(overrides), Console()
    with hold_leases(settings, spark_session("handover"), [Writer.COLLECTION]) as ctx:
        for line in hand_over(ctx, confirm):
            console.say(line)
    return 0


def confirm(question: str) -> bool:
    """Return whether a person, or YES=1, answers yes."""
    if os.environ.get("YES") == "1":
        return True
    sys.stdout.write(f"{question} Go on? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip() in ("y", "Y")


def hand_over(ctx: Context, agrees: Callable[[str], bool] = confirm) -> list[str]:
    """Hand the database over to this warehouse if `agrees` accepts the question; return what was done."""
    this_warehouse = Owner(ctx.leases[Writer.COLLECTION].warehouse, ctx.settings.paths.warehouse)
    with PostgresLoader(choose_address(ctx.settings.paths.database, ctx.spark.sparkContext.master)) as database:
        with database.transaction() as cursor:
            owner = ownership.find(cursor)
        events, _ = database.count_rows()
        if owner is None and not events:
            return ["PostgreSQL is empty and belongs to no warehouse; the next load takes it."]
        whose = f"the warehouse {owner}" if owner else "an unknown warehouse"
        if not agrees(
            f"This removes {events:,} events of {whose} from PostgreSQL, which then belongs to {this_warehouse}."
        ):
            return ["nothing was removed."]
        with database.transaction() as cursor:
            ownership.hand_over(cursor, this_warehouse, owner)
    return [
        f"removed {events:,} events of {whose}; PostgreSQL belongs to the warehouse {this_warehouse} now",
        _describe_next_step(ctx),
    ]


def _describe_next_step(ctx: Context) -> str:
    """Return how to fill the database. A scheduled run does not: it loads its own hour only."""
    hours = [state.hour for state in ctx.ledger.states(lambda state: state.status == HourStatus.LOADED) if state.hour]
    if not hours:
        return "the next load fills it"
    span = f"--start {name(min(hours), HOUR)} --end {name(max(hours) + HOUR, HOUR)}"
    return f"{typed('run')} fills it, or {SUBMIT}/load_to_database.py {span}"
