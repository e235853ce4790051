"""Loading an hour again: PostgreSQL writes only the rows that differ."""

import pytest

from tests.conftest import Pipeline
from tests.events import HEAD, event_line

EVENTS = "SELECT event_id, item_id, event_type, session_id, rating, price, created_at FROM user_events ORDER BY 1"
ITEMS = "SELECT item_id, name, category, brand, price FROM items ORDER BY 1"
ITEM_VERSIONS = "SELECT item_id, xmin::text FROM items ORDER BY 1"


def row(minute: int, **given: object) -> str:
    return event_line("rating", time=f"09:{minute:02}:00", **{"price": "1.00"} | given)


def load(pipeline: Pipeline, *lines: str) -> int:
    """Land these lines as the whole content of the file and return how many hours are loaded."""
    pipeline.put("a.csv", HEAD.strip() + ",rating\n" + "".join(lines))
    pipeline.land()
    pipeline.validate(accept="test")
    return pipeline.load()["hours_loaded"]


def test_unchanged_rows_are_not_written_again(pipeline, postgres):
    plain, rated = row(1, session_id=""), row(2, event_type="rating", rating="4.5")
    equal = [row(3)] * 3
    load(pipeline, plain, rated, *equal, row(4), row(5, price=""))
    before = postgres(EVENTS)
    assert load(pipeline, plain, rated, *equal[:2], row(4, price="2.00"), row(5, price=""), *[row(6)] * 2) == 1
    after = postgres(EVENTS)
    removed, added = set(before) - set(after), set(after) - set(before)
    assert [line[5] for line in removed] == [1, 1]  # one of the equal rows, and the row with the old price
    assert sorted(float(line[5]) for line in added) == [1, 1, 2]
    assert len(after) == 8
    assert load(pipeline, plain) == 1
    assert postgres(EVENTS) == [line for line in before if line[3] is None]
    assert load(pipeline, row(1, price="9.00"), row(1, price="9.00")) == 1
    assert [float(line[5]) for line in postgres(EVENTS)] == [9, 9]


@pytest.mark.parametrize(
    ("again", "written", "left"),
    [
        ([row(1), row(2, item_id=2), row(3, item_id=2)], [], [1, 2, 3]),
        # user_events has no column for the brand.
        ([row(1), row(2, item_id=2, brand="zeta")], [2], [1, 2, 3]),
        ([row(1), row(2, item_id=2, price="3.00")], [2], [1, 2, 3]),
        ([row(1)], [], [1, 3]),
    ],
    ids=["the same once more", "another brand", "another price", "an item gone"],
)
def test_only_items_with_other_values_for_the_day_are_written_again(pipeline, postgres, again, written, left):
    last = row(0, item_id=3).replace("09:00", "10:00")
    load(pipeline, row(1), row(2, item_id=2), last)
    before = dict(postgres(ITEM_VERSIONS))
    assert load(pipeline, *again, last) == 1
    assert [item for item, mark in postgres(ITEM_VERSIONS) if mark != before[item]] == written
    assert [line[0] for line in postgres(ITEMS)] == left
    assert all(f",{line[3]},{line[4]}," in again[1] for line in postgres(ITEMS) if line[0] in written)


def test_an_hour_without_an_entry_in_the_load_ledger_is_repaired_together_with_its_items(pipeline, postgres):
    load(pipeline, row(1), row(2, item_id=2))
    events, items = postgres(EVENTS), postgres(ITEMS)
    postgres("UPDATE items SET price = 7 WHERE item_id = 1")
    postgres("DELETE FROM items WHERE item_id = 2")
    postgres("UPDATE user_events SET price = 7 WHERE item_id = 1")
    postgres("DELETE FROM pipeline.loaded_hours")
    assert pipeline.load()["hours_loaded"] == 1
    assert postgres(ITEMS) == items
    assert [line[1:6] for line in postgres(EVENTS)] == [line[1:6] for line in reversed(events)]
