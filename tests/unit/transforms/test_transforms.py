"""Deduplication, repair, scores and assigned numbers, each shown on a few rows."""

from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import CLEANED_EVENTS, DEDUPED_EVENTS
from spark_jobs.transforms.dedupe import keep_latest, latest_first, rank_duplicates
from spark_jobs.transforms.impute import find_fills, repair
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.interactions import daily_interactions
from spark_jobs.transforms.latest_attributes import find_latest_known
from spark_jobs.transforms.partitioning import ROWS_OF_A_BUCKET
from spark_jobs.transforms.scores import score_pairs
from tests.events import create_events
from tests.frames import assert_frames_equal

DAY = datetime(2019, 10, 1)
WEIGHTS = {"view": 1.0, "cart": 3.0, "rating": 4.0, "purchase": 5.0}
TYPES, RATED = tuple(WEIGHTS), ("rating",)


def deduplicate(frame: DataFrame, exempt=()) -> DataFrame:
    return keep_latest(rank_duplicates(frame, DEDUPED_EVENTS.key_columns(), [DAY], 3 * ROWS_OF_A_BUCKET), exempt)


def test_the_latest_of_the_events_in_one_minute_is_kept(spark):
    first, second = {"time": "09:00:10", "price": "5"}, {"time": "09:00:50", "price": "4"}
    next_minute = {"time": "09:01:00", "price": "3"}
    found = deduplicate(create_events(spark, first, second, next_minute))
    assert_frames_equal(found, create_events(spark, second, next_minute))


def test_ties_go_to_the_higher_price_then_the_smaller_text_by_bytes_with_nulls_last(spark):
    cheap, dear = {"price": "7", "session_id": "a"}, {"price": "9", "session_id": "b"}
    assert_frames_equal(deduplicate(create_events(spark, cheap, dear)), create_events(spark, dear))
    null, accented, plain = {"price": "1"}, {"price": "1", "session_id": "\u00e9"}, {"price": "1", "session_id": "Z"}
    assert_frames_equal(deduplicate(create_events(spark, null, accented, plain)), create_events(spark, plain))


def test_the_kept_rows_do_not_depend_on_order_or_partitions(spark):
    rows = [
        {"time": f"09:00:{i % 3:02}", "price": str(i % 5), "session_id": f"s{i % 7}", "user_id": i % 4}
        for i in range(60)
    ]
    frame = create_events(spark, *rows)
    expected = deduplicate(frame)
    assert_frames_equal(deduplicate(frame.orderBy(F.rand(1)).repartition(7)), expected)
    assert_frames_equal(deduplicate(frame.orderBy(F.rand(2)).coalesce(1)), expected)


def test_exempt_types_keep_every_row(spark):
    purchase, view = {"event_type": "purchase", "price": "2"}, {"price": "1"}
    frame = create_events(spark, purchase, purchase, view)
    assert_frames_equal(deduplicate(frame, exempt=["purchase"]), frame)
    assert_frames_equal(deduplicate(frame), create_events(spark, purchase, view))


def assert_repaired(spark, *cases: tuple[dict, dict]) -> None:
    """Assert that the repair of the events, first in each case, changes exactly these of their values, second."""
    found = create_events(spark, *(event for event, _ in cases))
    sources = {"price_source": "given", "rating_source": "none"}
    expected = create_events(spark, *(sources | event | changed for event, changed in cases), table=CLEANED_EVENTS)
    assert_frames_equal(repair(found, find_fills(found, RATED), RATED), expected)


def test_a_missing_price_becomes_the_median_of_its_item_or_else_category_or_else_day(spark):
    assert_repaired(
        spark,
        ({"user_id": 1, "item_id": 1, "price": "1.01", "category_id": 7}, {}),
        ({"user_id": 2, "item_id": 1, "price": "2.68", "category_id": 7}, {}),
        ({"user_id": 3, "item_id": 1, "price": "0", "category_id": 8}, {"price": "1.85", "price_source": "item"}),
        ({"user_id": 4, "item_id": 2, "category_id": 7}, {"price": "1.85", "price_source": "category"}),
        ({"user_id": 5, "item_id": 3}, {"price": "2.68", "price_source": "day"}),
        ({"user_id": 6, "item_id": 4, "price": "9", "category_id": 9}, {}),
    )


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
    assert_frames_equal(less, whole)


def test_a_value_stays_missing_if_no_event_has_one(spark):
    assert_repaired(spark, ({"event_type": "rating"}, {"price_source": "none"}))


def test_a_missing_rating_becomes_the_mean_of_its_item_or_else_day_rounded_half_up(spark):
    rated = {"event_type": "rating", "price": "1"}
    assert_repaired(
        spark,
        (rated | {"user_id": 1, "rating": "4"}, {"rating_source": "given"}),
        (rated | {"user_id": 2, "rating": "4.01"}, {"rating_source": "given"}),
        (rated | {"user_id": 3}, {"rating": "4.01", "rating_source": "item"}),
        (rated | {"user_id": 4, "item_id": 2}, {"rating": "4.01", "rating_source": "day"}),
        ({"user_id": 5, "item_id": 2, "price": "1"}, {}),
    )


def test_a_score_is_the_sum_of_the_weights_of_the_events_of_a_pair(spark):
    frame = create_events(
        spark,
        {"user_id": 1, "item_id": 1, "price": "1"},
        {"user_id": 1, "item_id": 1, "price": "1", "event_type": "cart"},
        {"user_id": 1, "item_id": 1, "price": "1", "event_type": "purchase"},
        {"user_id": 1, "item_id": 2, "price": "1", "event_type": "rating", "rating": "5"},
    )
    base = daily_interactions(repair(frame, find_fills(frame, RATED), RATED), [DAY], 3 * ROWS_OF_A_BUCKET, TYPES)
    expected = spark.createDataFrame([(1, 1, 9.0), (1, 2, 4.0)], "user_id BIGINT, item_id BIGINT, score DOUBLE")
    assert_frames_equal(score_pairs(base, WEIGHTS), expected)


def test_the_latest_known_value_skips_nulls_and_breaks_ties_as_deduplication_does(spark):
    frame = create_events(
        spark,
        {"item_id": 1, "time": "09:00:00", "brand": "old", "price": "1"},
        {"item_id": 1, "time": "09:00:05", "brand": "cheap", "price": "1"},
        {"item_id": 1, "time": "09:00:05", "brand": "dear", "price": "2"},
        {"item_id": 1, "time": "09:00:09", "price": "9"},
        {"item_id": 2, "time": "09:00:00", "brand": "alone"},
        {"item_id": 3},
    )
    expected = create_events(
        spark,
        {"item_id": 1, "brand": "dear", "price": "9"},
        {"item_id": 2, "brand": "alone"},
        {"item_id": 3},
    ).select("item_id", "event_date", "brand", "price")
    assert_frames_equal(find_latest_known(frame, ["brand", "price"]), expected)


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
    columns = "user_index BIGINT, user_id BIGINT, first_day DATE"
    days = [(1, 30), (1, 10), (2, 20), (2, 10), (3, 5)]
    seen = spark.createDataFrame([(date(2019, 10, day), user) for day, user in days], "event_date DATE, user_id BIGINT")
    index = spark.createDataFrame([(0, 20, date(2019, 9, 1))], columns)
    fresh = new_ids(seen, index, "user_id")
    by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
    numbered = assign_numbers(fresh, first_numbers(by_day, 1), "user_id", "user_index")
    expected = [(1, 10, date(2019, 10, 1)), (2, 30, date(2019, 10, 1)), (3, 5, date(2019, 10, 3))]
    assert_frames_equal(numbered, spark.createDataFrame(expected, columns))
