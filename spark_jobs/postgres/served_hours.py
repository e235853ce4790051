"""The comparison of Delta with PostgreSQL by hour, for `make check`. Either may be written at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from spark_jobs import tables
from spark_jobs.context import Context
from spark_jobs.delta.predicates import in_windows
from spark_jobs.errors import IdentityError
from spark_jobs.ledger.status import NO_CONTENT, HourState
from spark_jobs.postgres.comparison import assert_equal
from spark_jobs.postgres.database import open_database
from spark_jobs.transforms.digest import of_hours
from spark_jobs.windows import HOUR, name, ranges


@dataclass(frozen=True)
class Served:
    """Hours and rows that are equal in PostgreSQL and user_events, and the number of hours that wait for their load."""

    hours: int
    rows: int
    waiting: int

    def sentence(self) -> str:
        """Return the result as a sentence."""
        waiting = f"; hours that wait for their load, not compared: {self.waiting:,}" if self.waiting else ""
        return (
            f"checked: PostgreSQL = user_events in each of {self.hours:,} loaded hours, {self.rows:,} rows, by count "
            f"and digest{waiting}"
        )


def compare_served_hours(ctx: Context) -> Served:
    """Compare each hour for which both ledgers have the same content digest.

    Where the digests differ, the hour waits for its load and is not compared. Raises IdentityError where rows differ.
    Raises it also where Delta's ledger has such an hour as loaded, or not at all, and has not changed meanwhile.
    """
    seen = ctx.pinned()
    with open_database(ctx) as database:
        digests, found = database.hours()
    states = _dated(seen)
    every = {*states, *digests, *found}
    alike = {hour for hour in every if digests.get(hour, NO_CONTENT) == _content(states.get(hour))}
    _check_settled(ctx, states, digests, every - alike)
    events = seen.read(tables.USER_EVENTS).where(in_windows(ranges(alike & states.keys(), HOUR)))
    due = {row.hour: (row.rows, row.digest) for row in of_hours(events).collect()}
    assert_equal({hour: of for hour, of in found.items() if hour in alike}, due)
    loaded = sum(hour in alike and state.status == "loaded" for hour, state in states.items())
    return Served(loaded, sum(rows for rows, _ in due.values()), len(every - alike))


def _check_settled(
    ctx: Context, states: Mapping[datetime, HourState], digests: Mapping[datetime, str], unlike: set[datetime]
) -> None:
    """Raise IdentityError where Delta's ledger has such an hour as loaded, or not at all, and no writer changes it."""
    settled = {hour for hour in unlike if hour not in states or states[hour].status == "loaded"}
    now = _dated(ctx) if settled else {}
    wrong = sorted(hour for hour in settled if _content(now.get(hour)) == _content(states.get(hour)))
    if not wrong:
        return
    differences = [
        "{}: PostgreSQL's ledger has {}, Delta's {} (rows and digest)".format(
            name(hour, HOUR), digests.get(hour, "no entry"), _content(states.get(hour))
        )
        for hour in wrong[:3]
    ]
    more = f" and {len(wrong) - 3} more hours" if len(wrong) > 3 else ""
    raise IdentityError(f"Delta and PostgreSQL differ: {'; '.join(differences)}{more}.")


def _dated(ctx: Context) -> dict[datetime, HourState]:
    return {state.hour: state for state in ctx.ledger.states() if state.hour}


def _content(state: HourState | None) -> str:
    return (state.content_digest if state else None) or NO_CONTENT
