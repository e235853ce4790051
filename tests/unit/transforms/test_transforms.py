"""Deduplication, repair, scores and assigned numbers, each shown on a few rows."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from spark_jobs.tables import DEDUPED_EVENTS, USER_EVENTS
from spark_jobs.transforms.dedupe import keep_latest, latest_first, rank_duplicates
from spark_jobs.transforms.impute import find_fills, repair
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.interactions import daily_interactions
from spark_jobs.transforms.latest_attributes import find_latest_known
from spark_jobs.transforms.partitioning import ROWS_OF_A_BUCKET
from spark_jobs.transforms.scores import score_pairs

DAY = datetime(2019, 10, 1)
WEIGHTS = {"view": 1.0, "cart": 3.0, "rating": 4.0, "purchase": 5.0}
TYPES, RATED = tuple(WEIGHTS), ("rating",)
SCHEMA = ", ".join(f"{field.name} {field.type}" for field in USER_EVENTS.fields)


def create_events(spark, *rows: dict):
    """Create events of 1 October 2019; values that a row leaves out are neutral."""
    filled = []
    for row in rows:
        row = {"user_id": 1, "item_id": 1, "event_type": "view", "time": "09:00:00"} | row
        moment = datetime.fromisoformat(f"2019-10-01 {row['time']}")
        price, rating = (Decimal(row[name]) if row.get(name) is not None else None for name in ("price", "rating"))
        text = (row.get("category_id"), row.get("category_code"), row.get("brand"))
        filled.append(
            (
                row["user_id"],
                row["item_id"],
                row["event_type"],
                moment,
                row.get("session_id"),
                rating,
                price,
                *text,
                date(2019, 10, 1),
            )
        )
    return spark.createDataFrame(filled, SCHEMA)


def deduplicate(frame, exempt=()) -> list[tuple]:
    rows = keep_latest(rank_duplicates(frame, DEDUPED_EVENTS.key_columns(), [DAY], 3 * ROWS_OF_A_BUCKET), exempt)
    return sorted((row.timestamp.second, row.price, row.session_id or "") for row in rows.collect())


def test_the_latest_of_the_events_in_one_minute_is_kept(spark):
    frame = create_events(
        spark,
        {"time": "09:00:10", "price": "5"},
        {"time": "09:00:50", "price": "4"},
        {"time": "09:01:00", "price": "3"},
    )
    assert deduplicate(frame) == [(0, Decimal(3), ""), (50, Decimal(4), "")]


def test_ties_go_to_the_higher_price_then_the_smaller_text_by_bytes_with_nulls_last(spark):
    higher = create_events(spark, {"price": "7", "session_id": "a"}, {"price": "9", "session_id": "b"})
    assert deduplicate(higher) == [(0, Decimal(9), "b")]
    text = create_events(
        spark, {"price": "1"}, {"price": "1", "session_id": "\u00e9"}, {"price": "1", "session_id": "Z"}
    )
    assert deduplicate(text) == [(0, Decimal(1), "Z")]


def test_the_kept_rows_do_not_depend_on_order_or_partitions(spark):
    rows = [
        {"time": f"09:00:{i % 3:02}", "price": str(i % 5), "session_id": f"s{i % 7}", "user_id": i % 4}
        for i in range(60)
    ]
    frame = create_events(spark, *rows)
    expected = deduplicate(frame)
    assert deduplicate(frame.orderBy(F.rand(1)).repartition(7)) == expected
    assert deduplicate(frame.orderBy(F.rand(2)).coalesce(1)) == expected


def test_exempt_types_keep_every_row(spark):
    frame = create_events(
        spark, {"event_type": "purchase", "price": "2"}, {"event_type": "purchase", "price": "2"}, {"price": "1"}
    )
    assert len(deduplicate(frame, exempt=["purchase"])) == 3
    assert len(deduplicate(frame)) == 2


def repair_rows(frame) -> list[tuple]:
    rows = repair(frame, find_fills(frame, RATED), RATED).orderBy("user_id").collect()
    return [(row.user_id, row.price, row.price_source, row.rating, row.rating_source) for row in rows]


def test_a_missing_price_becomes_the_median_of_its_item_or_else_category_or_else_day(spark):
    frame = create_events(
        spark,
        {"user_id": 1, "item_id": 1, "price": "1.01", "category_id": 7},
        {"user_id": 2, "item_id": 1, "price": "2.68", "category_id": 7},
        {"user_id": 3, "item_id": 1, "price": "0", "category_id": 8},
        {"user_id": 4, "item_id": 2, "category_id": 7},
        {"user_id": 5, "item_id": 3},
        {"user_id": 6, "item_id": 4, "price": "9", "category_id": 9},
    )
    assert repair_rows(frame) == [
        (1, Decimal("1.01"), "given", None, "none"),
        (2, Decimal("2.68"), "given", None, "none"),
        (3, Decimal("1.85"), "item", None, "none"),
        (4, Decimal("1.85"), "category", None, "none"),
        (5, Decimal("2.68"), "day", None, "none"),
        (6, Decimal("9.00"), "given", None, "none"),
    ]


@pytest.mark.parametrize("missing", [(), ("price",), ("rating",)])
def test_fill_values_are_computed_only_for_columns_that_may_have_missing_values(spark, missing):
    frame = create_events(
        spark,
        {"user_id": 1, "event_type": "rating", "rating": "4", "price": "1"},
        {"user_id": 2, "price": "3"},
        *([{"user_id": 3}] if "price" in missing else []),
        *([{"user_id": 4, "event_type": "rating", "price": "1"}] if "rating" in missing else []),
    )
    whole, less = (
        repair(frame, find_fills(frame, RATED), RATED),
        repair(frame, find_fills(frame, RATED, missing), RATED),
    )
    assert less.schema == whole.schema
    assert less.orderBy("user_id").collect() == whole.orderBy("user_id").collect()


def test_a_value_stays_missing_if_no_event_has_one(spark):
    assert repair_rows(create_events(spark, {"event_type": "rating"})) == [(1, None, "none", None, "none")]


def test_a_missing_rating_becomes_the_mean_of_its_item_or_else_day_rounded_half_up(spark):
    frame = create_events(
        spark,
        {"user_id": 1, "event_type": "rating", "rating": "4", "price": "1"},
        {"user_id": 2, "event_type": "rating", "rating": "4.01", "price": "1"},
        {"user_id": 3, "event_type": "rating", "price": "1"},
        {"user_id": 4, "event_type": "rating", "item_id": 2, "price": "1"},
        {"user_id": 5, "item_id": 2, "price": "1"},
    )
    assert [row[3:] for row in repair_rows(frame)] == [
        (Decimal("4.00"), "given"),
        (Decimal("4.01"), "given"),
        (Decimal("4.01"), "item"),
        (Decimal("4.01"), "day"),
        (None, "none"),
    ]


def test_a_score_is_the_sum_of_the_weights_of_the_events_of_a_pair(spark):
    frame = create_events(
        spark,
        {"price": "1"},
        {"event_type": "cart", "price": "1"},
        {"event_type": "purchase", "price": "1"},
        {"event_type": "rating", "rating": "5", "price": "1", "item_id": 2},
    )
    base = daily_interactions(repair(frame, find_fills(frame, RATED), RATED), [DAY], 3 * ROWS_OF_A_BUCKET, TYPES)
    scores = score_pairs(base, WEIGHTS).orderBy("item_id").collect()
    assert [(row.user_id, row.item_id, row.score) for row in scores] == [(1, 1, 9.0), (1, 2, 4.0)]


def test_the_latest_known_value_skips_nulls_and_breaks_ties_as_deduplication_does(spark):
    frame = create_events(
        spark,
        {"time": "09:00:00", "brand": "old", "price": "1"},
        {"time": "09:00:05", "brand": "cheap", "price": "1"},
        {"time": "09:00:05", "brand": "dear", "price": "2"},
        {"time": "09:00:09", "price": "9"},
        {"item_id": 2, "time": "09:00:00", "brand": "alone"},
        {"item_id": 3},
    )
    rows = find_latest_known(frame, ["brand", "price"]).orderBy("item_id").collect()
    assert [(row.item_id, row.brand, row.price) for row in rows] == [
        (1, "dear", 9),
        (2, "alone", None),
        (3, None, None),
    ]


def test_the_latest_known_value_is_the_one_that_sorting_all_events_gives(spark):
    brands, prices = [None, "a", "b"], [None, "0", "1", "2"]
    rows = [
        {"item_id": n % 7, "time": f"09:00:{n // 40:02}", "brand": brands[n % 3], "price": prices[n * 5 % 4]}
        for n in range(400)
    ]
    frame = create_events(spark, *(row | {"session_id": f"s{n * 13 % 400}"} for n, row in enumerate(rows)))
    expected = {item: {"brand": None, "price": None} for item in range(7)}
    for row in reversed(frame.orderBy(*latest_first()).collect()):
        expected[row.item_id] |= {name: row[name] for name in ("brand", "price") if row[name] is not None}
    found = find_latest_known(frame, ["brand", "price"]).collect()
    assert {row.item_id: {"brand": row.brand, "price": row.price} for row in found} == expected


def test_new_ids_are_numbered_by_first_day_and_id_after_the_existing_numbers(spark):
    days = [(1, 30), (1, 10), (2, 20), (2, 10), (3, 5)]
    seen = spark.createDataFrame([(date(2019, 10, day), user) for day, user in days], "event_date DATE, user_id BIGINT")
    index = spark.createDataFrame([(0, 20, date(2019, 9, 1))], "user_index BIGINT, user_id BIGINT, first_day DATE")
    fresh = new_ids(seen, index, "user_id")
    by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
    rows = assign_numbers(fresh, first_numbers(by_day, 1), "user_id", "user_index").orderBy("user_index").collect()
    assert [(row.user_index, row.user_id) for row in rows] == [(1, 10), (2, 30), (3, 5)]
