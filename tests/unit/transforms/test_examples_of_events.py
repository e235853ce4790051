"""The examples in the docstrings of the rules for events are true: each test has the rows of one."""

from datetime import datetime
from decimal import Decimal
from functools import reduce

import pandas as pd
import pytest
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import CLEANED_EVENTS, DEDUPED_EVENTS, RAW_EVENTS, USER_EVENTS
from spark_jobs.tables.source_columns import OPTIONAL
from spark_jobs.transforms.dedupe import count_dropped, keep_latest, rank_duplicates
from spark_jobs.transforms.hour_measures import hour_measures
from spark_jobs.transforms.impute import find_fills, repair
from spark_jobs.transforms.items import find_latest_of_items
from spark_jobs.transforms.latest_attributes import find_latest_known
from spark_jobs.transforms.parse import parse
from spark_jobs.transforms.user_rows import match_raw, match_rejected
from spark_jobs.transforms.validate import add_reasons, profile_hours
from tests.events import create_events
from tests.frames import assert_frames_equal

DAY = datetime(2019, 10, 1)
DATE = DAY.date()


def test_rank_duplicates(spark):
    first, second, third = (
        create_events(spark, {"time": f"12:00:{second}", "price": price})
        for second, price in (("05", 10), ("05", 12), ("40", 9))
    )
    ranked = rank_duplicates(first.union(second).union(third), DEDUPED_EVENTS.key_columns(), [DAY], 3)
    placed = [event.withColumn("place", F.lit(place)) for event, place in ((first, 3), (second, 2), (third, 1))]
    assert_frames_equal(ranked.drop("bucket"), reduce(DataFrame.union, placed))


def test_keep_latest(frame):
    columns = "event_type STRING, place INT, bucket INT"
    ranked = frame(columns, ("view", 1, 0), ("view", 2, 0), ("purchase", 2, 0))
    expected = frame("event_type STRING", ("view",), ("purchase",))
    assert_frames_equal(keep_latest(ranked, exempt=["purchase"]), expected)


def test_count_dropped(frame):
    ranked = frame(
        "event_date DATE, bucket INT, user_id BIGINT, event_type STRING, price DECIMAL(10,2), place INT",
        (DATE, 0, 1, "view", Decimal(9), 1),
        (DATE, 0, 1, "view", Decimal(12), 2),
        (DATE, 0, 1, "purchase", Decimal(2), 2),
        (DATE, 0, 1, "purchase", Decimal(2), 1),
    )
    found = count_dropped(ranked, [F.col("user_id"), F.col("event_type")], exempt=["purchase"])
    expected = frame(
        "event_date DATE, event_type STRING, rows BIGINT, kept BIGINT, money DECIMAL(18,2), kept_money DECIMAL(18,2), "
        "keys_lost BIGINT, repeated_keys BIGINT",
        (DATE, "view", 2, 1, Decimal(21), Decimal(9), 0, 0),
        (DATE, "purchase", 2, 2, Decimal(4), Decimal(4), 0, 0),
    )
    assert_frames_equal(found, expected)


def test_find_fills_and_repair(spark, frame):
    priced = [{"price": "1.01"}, {"price": "2.68"}, {"price": "9", "item_id": 4, "category_id": 9}]
    priced = [{"item_id": 1, "category_id": 7} | event for event in priced]
    to_fill = [{"item_id": 1, "category_id": 8}, {"item_id": 2, "category_id": 7}, {"item_id": 3}]
    prices = find_fills(create_events(spark, *priced, *to_fill), ["rating"]).prices
    expected = frame(
        "event_date DATE, item_id BIGINT, category_id BIGINT, price_fill DECIMAL(10,2), price_from STRING",
        (DATE, 1, 8, Decimal("1.85"), "item"),
        (DATE, 2, 7, Decimal("1.85"), "category"),
        (DATE, 3, None, Decimal("2.68"), "day"),
    )
    assert_frames_equal(prices, expected)
    events = create_events(spark, {"price": "10"}, {"price": "20"}, {"price": "0"})
    after = [{"price": "10", "price_source": "given"}, {"price": "20", "price_source": "given"}]
    after = [row | {"rating_source": "none"} for row in (*after, {"price": "15", "price_source": "item"})]
    found = repair(events, find_fills(events, ["rating"]), ["rating"])
    assert_frames_equal(found, create_events(spark, *after, table=CLEANED_EVENTS))


def test_latest_attributes(spark, frame):
    events = create_events(
        spark,
        {"time": "11:00:00", "category_code": "tablets", "brand": "acme"},
        {"time": "12:00:00", "category_code": "phones"},
    )
    columns = "item_id BIGINT, event_date DATE, category_code STRING, brand STRING"
    found = find_latest_known(events, ["category_code", "brand"])
    assert_frames_equal(found, frame(columns, (1, DATE, "phones", "acme")))


def test_find_latest_of_items(spark, frame):
    events = create_events(
        spark,
        {"time": "11:00:00", "brand": "acme", "price": 10},
        {"time": "12:00:00", "price": 0},
        {"time": "13:00:00"},
    )
    columns = "item_id BIGINT, event_date DATE, category STRING, brand STRING, price DECIMAL(10,2)"
    assert_frames_equal(find_latest_of_items(events), frame(columns, (1, DATE, None, "acme", Decimal(10))))


def test_hour_measures():
    nothing = dict.fromkeys([f"missing_{name}" for name in OPTIONAL], 0) | {"rating_events": 0}
    nothing |= {"unit": "2019-10-01T09", "hour": datetime(2019, 10, 1, 9)}
    names = ("file_id", "raw_rows", "rejected_rows", "ignored_rows", "missing_brand")
    rows = [(1, 40, 10, 5, 6), (2, 40, 20, 15, 10), (3, 40, 0, 0, 40)]
    counts = pd.DataFrame([nothing | dict(zip(names, row, strict=True)) for row in rows])
    full = tuple(USER_EVENTS.columns)
    without_brand = [name for name in full if name != "brand"]
    (found,) = hour_measures(counts, {1: full, 2: full, 3: without_brand}, ["rating"], [], 1000).to_dict("records")
    assert (found["reject_share"], found["missing_brand_share"]) == (10 / 100, 16 / 80)


def select_matches(rows: DataFrame, matches: Column) -> DataFrame:
    return rows.drop("matches").select("*", matches.alias("matches"))


def test_rows_of_a_user(frame):
    raw = frame(
        "user_id BIGINT, item_id BIGINT, faults ARRAY<STRING>, raw_text STRING, matches BOOLEAN",
        (7, 1, None, None, True),
        (1, 7, None, None, False),
        (None, None, ["malformed_record"], "view;07", True),
    )
    assert_frames_equal(select_matches(raw, match_raw(7)), raw)
    rejected = frame(
        "file_id INT, reasons ARRAY<STRING>, raw_text STRING, matches BOOLEAN",
        (1, ["price_negative"], " 07,1,-5", True),
        (1, ["price_negative"], "1,7,-5", False),
        (1, ["malformed_record"], "1,7", True),
    )
    headers = {1: ["user_id", "item_id", "price"]}
    assert_frames_equal(select_matches(rejected, match_rejected(7, headers)), rejected)


PRICES = [
    ("1.005", Decimal("1.01"), None, "1.005"),
    ("-0.004", None, ["price_negative"], "-0.004"),
    ("99999999.995", None, ["price_too_large"], "99999999.995"),
]
TIMES = [
    ("2019-10-01 00:00:00 UTC", DAY, None, None),
    ("2019-10-01 09:00:00+09:00", DAY, None, "2019-10-01 09:00:00+09:00"),
    ("2019-02-30 00:00:00 UTC", None, ["timestamp_not_a_time"], "2019-02-30 00:00:00 UTC"),
]


@pytest.mark.parametrize(("name", "cases"), [("price", PRICES), ("timestamp", TIMES)])
def test_parse(frame, name, cases):
    records = frame(
        f"{name} STRING, line STRING, malformed BOOLEAN, unfinished BOOLEAN, file_id INT, part INT",
        *((text, None, False, False, number, 1) for number, (text, *_) in enumerate(cases)),
    )
    found = parse(records, [name]).select("file_id", name, "faults", "raw_text")
    expected = [(number, *parsed) for number, (_, *parsed) in enumerate(cases)]
    assert_frames_equal(found, frame(", ".join(f"{name} {kind}" for name, kind in found.dtypes), *expected))


def create_raw_events(spark, *rows: dict) -> DataFrame:
    return create_events(
        spark, *(row | {"file_id": 1, "part": 1, "unfinished": False} for row in rows), table=RAW_EVENTS
    )


def test_add_reasons(spark, frame):
    raw = create_raw_events(spark, {"user_id": 1}, {"user_id": None}, {"user_id": -1, "event_type": "click"})
    expected = frame(
        "user_id BIGINT, event_type STRING, reasons ARRAY<STRING>",
        (1, "view", []),
        (None, "view", ["user_id_missing"]),
        (-1, "click", ["user_id_not_positive", "event_type_unknown"]),
    )
    assert_frames_equal(add_reasons(raw, ["view"], []).select(expected.columns), expected)


def test_profile_hours(spark, frame):
    faulty = {"event_type": "rating", "rating": 4, "faults": ["price_not_a_number"]}
    raw = create_raw_events(spark, {"price": 5}, {"event_type": "rating"}, faulty)
    judged = add_reasons(raw, ["view", "rating"], [])
    found = profile_hours(judged, ["view", "rating"], ["rating"], ["price", "rating"])
    columns = "raw_rows BIGINT, rejected_rows BIGINT, missing_price BIGINT, missing_rating BIGINT"
    expected = frame(columns, (3, 1, 1, 1))
    assert_frames_equal(found.select(expected.columns), expected)
