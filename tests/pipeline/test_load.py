"""An hour loaded again: PostgreSQL writes what differs, and what stands as it comes is not touched."""

import pytest

from tests.conftest import HEAD, Pipeline

ROW = "2019-10-01 09:{minute:02}:00 UTC,{kind},{item},5,{code},{brand},{price},501,{session},{rating}\n"
WHOLE = "SELECT event_id, item_id, event_type, session_id, rating, price, created_at FROM user_events ORDER BY 1"
ITEMS = "SELECT item_id, name, category, brand, price FROM items ORDER BY 1"
TOLD = "SELECT item_id, xmin::text FROM items ORDER BY 1"


def row(minute: int, item: int = 1, brand: str = "acme", price: str = "1.00", session: str = "s", **of: str) -> str:
    given = {"kind": "view", "code": "", "rating": ""} | of
    return ROW.format(minute=minute, item=item, brand=brand, price=price, session=session, **given)


def load(pipeline: Pipeline, *lines: str) -> int:
    """Lands these lines as the file's whole content; how many hours are loaded for them."""
    pipeline.put("a.csv", HEAD.strip() + ",rating\n" + "".join(lines))
    pipeline.land()
    pipeline.judge(accept="test")
    return pipeline.load()["hours_loaded"]


def test_rows_that_stand_as_they_come_are_not_written_again(pipeline, postgres):
    plain, rated = row(1, session=""), row(2, kind="rating", rating="4.5")
    equal = [row(3)] * 3
    load(pipeline, plain, rated, *equal, row(4), row(5, price=""))
    before = postgres(WHOLE)
    assert load(pipeline, plain, rated, *equal[:2], row(4, price="2.00"), row(5, price=""), *[row(6)] * 2) == 1
    after = postgres(WHOLE)
    gone, new = set(before) - set(after), set(after) - set(before)
    assert [line[5] for line in gone] == [1, 1]  # one of the equal ones, and the old price
    assert sorted(float(came[5]) for came in new) == [1, 1, 2]
    assert len(after) == 8
    assert load(pipeline, plain) == 1
    assert postgres(WHOLE) == [line for line in before if line[3] is None]
    assert load(pipeline, row(1, price="9.00"), row(1, price="9.00")) == 1
    assert [float(line[5]) for line in postgres(WHOLE)] == [9, 9]


@pytest.mark.parametrize(
    ("again", "told", "left"),
    [
        ([row(1), row(2, item=2), row(3, item=2)], [], [1, 2, 3]),
        ([row(1), row(2, item=2, brand="zeta")], [2], [1, 2, 3]),  # no column of user_events says so
        ([row(1), row(2, item=2, price="3.00")], [2], [1, 2, 3]),
        ([row(1)], [], [1, 3]),
    ],
    ids=["the same once more", "another brand", "another price", "an item gone"],
)
def test_only_items_of_which_the_day_says_something_else_are_told_anew(pipeline, postgres, again, told, left):
    last = row(0, item=3).replace("09:00", "10:00")
    load(pipeline, row(1), row(2, item=2), last)
    before = dict(postgres(TOLD))
    assert load(pipeline, *again, last) == 1
    assert [item for item, mark in postgres(TOLD) if mark != before[item]] == told
    assert [line[0] for line in postgres(ITEMS)] == left
    assert all(f",{line[3]},{line[4]}," in again[1] for line in postgres(ITEMS) if line[0] in told)


def test_an_hour_taken_out_of_the_load_s_ledger_is_put_right_with_its_items(pipeline, postgres):
    load(pipeline, row(1), row(2, item=2))
    events, items = postgres(WHOLE), postgres(ITEMS)
    postgres("UPDATE items SET price = 7 WHERE item_id = 1")
    postgres("DELETE FROM items WHERE item_id = 2")
    postgres("UPDATE user_events SET price = 7 WHERE item_id = 1")
    postgres("DELETE FROM pipeline.loaded_hours")
    assert pipeline.load()["hours_loaded"] == 1
    assert postgres(ITEMS) == items
    assert [line[1:6] for line in postgres(WHOLE)] == [line[1:6] for line in reversed(events)]
