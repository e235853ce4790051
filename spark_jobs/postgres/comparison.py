"""The checks before a commit: PostgreSQL must have the rows that Spark read. Both count and hash them independently."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from spark_jobs.errors import IdentityError
from spark_jobs.postgres import schema
from spark_jobs.postgres.staging import StagedRows
from spark_jobs.windows import HOUR, name


def assert_equal(found: Mapping[datetime, tuple[int, int]], expected: Mapping[datetime, tuple[int, int]]) -> None:
    """Raise IdentityError naming the first hours in which PostgreSQL's rows differ from those of user_events."""
    nothing = (0, 0)
    wrong = sorted(hour for hour in {*found, *expected} if found.get(hour, nothing) != expected.get(hour, nothing))
    if not wrong:
        return
    differences = [
        "{}: PostgreSQL has {:,} rows (digest {}), user_events {:,} (digest {})".format(
            name(hour, HOUR), *found.get(hour, nothing), *expected.get(hour, nothing)
        )
        for hour in wrong[:3]
    ]
    more = f" and {len(wrong) - 3} more hours" if len(wrong) > 3 else ""
    raise IdentityError(f"Delta and PostgreSQL differ: {'; '.join(differences)}{more}.")


def compare_items(cursor: Any, day: date, staged: StagedRows) -> None:
    """Compare the day's values of its items, and the table `items`, with what Spark staged.

    Needs the view `staged_items` and the table `touched` of the transaction. Raises IdentityError naming the day and
    both figures.
    """
    cursor.execute(schema.ITEMS_OF_DAY, (day,))
    found = cursor.fetchone()
    if found != (staged.rows, staged.digest):
        raise IdentityError(
            "Delta and PostgreSQL differ: {:%Y-%m-%d}: PostgreSQL has {:,} items (digest {}), user_events {:,} "
            "(digest {}).".format(day, *found, staged.rows, staged.digest)
        )
    cursor.execute(schema.ITEMS_SERVED, (day,))
    expected, right, example = cursor.fetchone()
    if right != expected:
        raise IdentityError(
            f"Delta and PostgreSQL differ: {day:%Y-%m-%d}: {expected:,} items were loaded, but only {right:,} of them "
            f"have the name, category, brand and price that user_events and items.csv give (item {example} does not)."
        )
