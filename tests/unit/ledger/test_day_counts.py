"""The counts that remove_duplicates records for a day, as later steps and the report read them."""

import pandas as pd
import pytest

from spark_jobs.errors import IdentityError
from spark_jobs.jobs.handle_missing_values import _prove_filled
from spark_jobs.ledger import day_counts
from spark_jobs.ledger.day_counts import columns_to_fill, dropped_by_type, to_counts

DROPPED = {"view": 3, "cart": 0}


def ledger_counts(price: int, rating: int) -> dict[str, str]:
    """Return the counts of a day as the ledger stores them: as text."""
    return {name: str(count) for name, count in to_counts(DROPPED, {"price": price, "rating": rating}).items()}


def test_dropped_rows_are_read_as_they_were_counted():
    assert dropped_by_type(ledger_counts(0, 0)) == DROPPED
    assert dropped_by_type({"source": "x", "keys": "y"}) == {}  # built by an older version of the project


@pytest.mark.parametrize(
    ("days", "columns"),
    [
        ([(0, 0)], []),
        ([(1, 0)], ["price"]),
        ([(0, 0), (0, 2)], ["rating"]),
        ([(1, 0), (0, 2)], ["price", "rating"]),
    ],
)
def test_a_column_is_skipped_only_if_no_day_has_an_event_without_a_value(days, columns):
    assert columns_to_fill(ledger_counts(*day) for day in days) == columns


def test_every_column_is_filled_if_nothing_was_counted_or_by_rules_of_another_version(monkeypatch):
    before = ledger_counts(0, 0)
    assert columns_to_fill([before, {}]) == ["price", "rating"]
    monkeypatch.setattr(day_counts, "VERSIONS", {"repair": 2})
    assert columns_to_fill([before]) == ["price", "rating"]


def test_a_value_that_is_missing_in_a_column_counted_as_complete_stops_the_build():
    found = pd.DataFrame({"price_none": [0, 2], "rating_none": [1, 0]})
    _prove_filled(found, ["price", "rating"])
    with pytest.raises(IdentityError, match="2 events have no price, but remove_duplicates counted no such event"):
        _prove_filled(found, ["rating"])
