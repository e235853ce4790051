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
from spark_jobs.tables import HourStatus
from spark_jobs.transforms.digest import digest_hours
from spark_jobs.windows import HOUR, name, ranges


@dataclass(frozen=True)
class ServedHours:
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


def compare_served_hours(ctx: Context) -> ServedHours:
    """Compare each hour for which both ledgers have the same content digest.

    Where the digests differ, the hour waits for its load and is not compared. Raises IdentityError where rows differ.
    Raises it also where Delta's ledger has such an hour as loaded, or not at all, and has not changed meanwhile.
    """
    reader = ctx.pin()
    with open_database(ctx) as database:
        digests, found = database.read_hours()
    states = _find_dated_hours(reader)
    all_hours = {*states, *digests, *found}
    equal_hours = {hour for hour in all_hours if digests.get(hour, NO_CONTENT) == _get_content_digest(states.get(hour))}
    _check_settled(ctx, states, digests, all_hours - equal_hours)
    events = reader.read(tables.USER_EVENTS).where(in_windows(ranges(equal_hours & states.keys(), HOUR)))
    expected = {row.hour: (row.rows, row.digest) for row in digest_hours(events).collect()}
    assert_equal({hour: of for hour, of in found.items() if hour in equal_hours}, expected)
    loaded = sum(hour in equal_hours and state.status == HourStatus.LOADED for hour, state in states.items())
    return ServedHours(loaded, sum(rows for rows, _ in expected.values()), len(all_hours - equal_hours))


def _check_settled(
    ctx: Context, states: Mapping[datetime, HourState], digests: Mapping[datetime, str], different_hours: set[datetime]
) -> None:
    """Raise IdentityError where Delta's ledger has such an hour as loaded, or not at all, and no writer changes it."""
    settled = {hour for hour in different_hours if hour not in states or states[hour].status == HourStatus.LOADED}
    now = _find_dated_hours(ctx) if settled else {}
    wrong = sorted(
        hour for hour in settled if _get_content_digest(now.get(hour)) == _get_content_digest(states.get(hour))
    )
    if not wrong:
        return
    differences = [
        "{}: PostgreSQL's ledger has {}, Delta's {} (rows and digest)".format(
            name(hour, HOUR), digests.get(hour, "no entry"), _get_content_digest(states.get(hour))
        )
        for hour in wrong[:3]
    ]
    more = f" and {len(wrong) - 3} more hours" if len(wrong) > 3 else ""
    raise IdentityError(f"Delta and PostgreSQL differ: {'; '.join(differences)}{more}.")


def _find_dated_hours(ctx: Context) -> dict[datetime, HourState]:
    return {state.hour: state for state in ctx.ledger.states() if state.hour}


def _get_content_digest(state: HourState | None) -> str:
    return (state.content_digest if state else None) or NO_CONTENT
