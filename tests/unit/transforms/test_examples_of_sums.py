"""The examples in the docstrings of the sums, numbers and features are true: each test has the rows of one."""

from datetime import date, datetime
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.delta.storage import Storage
from spark_jobs.tables import CLEANED_EVENTS, ITEM_SUMS
from spark_jobs.transforms import features
from spark_jobs.transforms.aggregates import add_item_sums
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.interactions import daily_interactions, fill_counts, find_first_meetings
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.measures import repeated_keys
from spark_jobs.transforms.scores import score_pairs, score_popularity
from tests.events import create_events
from tests.frames import assert_frames_equal

DAY = datetime(2019, 10, 1)
FIRST, SECOND, THIRD = (date(2019, 10, day) for day in (1, 2, 3))
WEIGHTS = {"view": 1.0, "cart": 3.0}


def test_numbers_of_new_ids(frame):
    seen = frame("event_date DATE, user_id BIGINT", (FIRST, 30), (FIRST, 10), (SECOND, 10), (SECOND, 20), (THIRD, 5))
    new = new_ids(seen, frame("user_id BIGINT", (20,)), "user_id")
    columns = "user_id BIGINT, first_day DATE, place BIGINT"
    assert_frames_equal(new, frame(columns, (10, FIRST, 0), (30, FIRST, 1), (5, THIRD, 0)))
    assert first_numbers({THIRD: 1, FIRST: 2}, 7) == {FIRST: 7, THIRD: 9}
    fresh = frame(columns, (12, FIRST, 0), (50, FIRST, 1), (3, SECOND, 0))
    expected = frame("number BIGINT, user_id BIGINT, first_day DATE", (7, 12, FIRST), (8, 50, FIRST), (9, 3, SECOND))
    assert_frames_equal(assign_numbers(fresh, {FIRST: 7, SECOND: 9}, "user_id", "number"), expected)


def test_daily_interactions(spark, frame):
    events = create_events(
        spark,
        {"event_type": "purchase", "price": 12, "rating_source": "none"},
        {"event_type": "rating", "price": 10, "rating": 4, "rating_source": "given"},
        {"event_type": "rating", "price": 10, "rating": "3.5", "rating_source": "day"},
        table=CLEANED_EVENTS,
    )
    found = daily_interactions(events, [DAY], 3, ["view", "cart", "rating", "purchase"])
    money = "DECIMAL(18,2)"
    expected = frame(
        f"price_sum {money}, spent_sum {money}, given_ratings BIGINT, given_rating_sum {money}",
        (Decimal(32), Decimal(12), 1, Decimal(4)),
    )
    assert_frames_equal(found.select(expected.columns), expected)


def test_fill_counts(frame):
    columns = "event_date DATE, wishlist_count BIGINT"
    found = fill_counts(frame(columns, (FIRST, None), (SECOND, 0), (SECOND, 3)), ["view", "wishlist"])
    assert_frames_equal(found, frame(columns, (FIRST, 0), (SECOND, 0), (SECOND, 3)))


def test_find_first_meetings(frame):
    interactions = frame(
        "user_id BIGINT, item_id BIGINT, event_date DATE, purchase_count BIGINT",
        (1, 7, FIRST, 0),
        (1, 7, SECOND, 1),
        (1, 8, SECOND, 0),
    )
    found = find_first_meetings(interactions, F.col("event_date") == SECOND)
    expected = frame("user_id BIGINT, item_id BIGINT, met INT, bought INT", (1, 7, 0, 1), (1, 8, 1, 0))
    assert_frames_equal(found, expected)


def test_key_filters(frame):
    columns = "user_id BIGINT, item_id BIGINT"
    existing, new_rows = frame(columns, (1, 7), (2, 7), (2, 8)), frame(columns, (2, 9))
    assert_frames_equal(with_keys_of(existing, new_rows, "user_id"), frame(columns, (2, 7), (2, 8)))
    assert_frames_equal(without_keys_of(existing, new_rows, "user_id"), frame(columns, (1, 7)))


def test_add_item_sums(spark):
    def make_sums(*rows: tuple[int, int, int]) -> DataFrame:
        rest = {field.name: 0 for field in ITEM_SUMS.fields if field.type == "BIGINT"}
        rest |= {"first_seen": DAY, "last_seen": DAY}
        sums = ({"item_id": item, "view_count": views, "unique_users": users} for item, views, users in rows)
        return Storage(spark, "").frame(ITEM_SUMS, [rest | each for each in sums])

    new = make_sums((7, 3, 1), (9, 2, 2))
    found = add_item_sums(make_sums((7, 4, 2), (8, 1, 1)), new, new.select("item_id"))
    assert_frames_equal(found, make_sums((7, 7, 3), (8, 1, 1), (9, 2, 2)))


def test_scores(frame):
    interactions = frame(
        "event_date DATE, user_id BIGINT, item_id BIGINT, view_count BIGINT, cart_count BIGINT",
        (FIRST, 1, 7, 1, 0),
        (SECOND, 1, 7, 1, 1),
        (SECOND, 1, 8, 1, 0),
    )
    expected = frame("user_id BIGINT, item_id BIGINT, score DOUBLE", (1, 7, 5.0), (1, 8, 1.0))
    assert_frames_equal(score_pairs(interactions, WEIGHTS), expected)
    columns = "view_count BIGINT, most_views BIGINT, purchase_count BIGINT, most_purchases BIGINT"
    rows = [(100, 100, 0, 10, 0.3), (50, 100, 10, 10, 0.85), (0, 0, 0, 0, 0.0)]
    expected = frame(f"{columns}, popularity DOUBLE", *rows)
    scored = score_popularity({"views": 0.3, "purchases": 0.7}).alias("popularity")
    assert_frames_equal(expected.drop("popularity").select("*", scored), expected)


def test_category_preference(frame):
    counts = "view_count: BIGINT, cart_count: BIGINT"
    user = frame(
        f"categories ARRAY<STRUCT<category_id: BIGINT, {counts}>>, view_count BIGINT, cart_count BIGINT",
        ([(7, 3, 0), (3, 0, 1)], 5, 1),
    ).withColumn("ranked", features._rank_categories(WEIGHTS))
    found = user.select(features._compute_category_preference(WEIGHTS).alias("shares"))
    expected = frame("shares ARRAY<STRUCT<category_id: BIGINT, share: DOUBLE>>", ([(3, 0.375), (7, 0.375)],))
    assert_frames_equal(found, expected)


def test_preferred_time(frame):
    columns = "dawn_events INT, morning_events INT, afternoon_events INT, evening_events INT, preferred STRING"
    rows = [(0, 1, 2, 2, "afternoon"), (0, 3, 2, 2, "morning"), (1, 1, 1, 1, "dawn")]
    expected = frame(columns, *rows)
    preferred = features._find_preferred_time().alias("preferred")
    assert_frames_equal(expected.drop("preferred").select("*", preferred), expected)


def test_attributes_of_item_features(frame):
    item_days = frame(
        "event_date DATE, item_id BIGINT, category_id BIGINT, category_code STRING, brand STRING",
        (FIRST, 1, None, "phones", "zeta"),
        (SECOND, 1, None, "phones", "acme"),
        (THIRD, 1, None, "tablets", None),
    )
    nothing = {field.name: "0" for field in ITEM_SUMS.fields if field.type == "BIGINT"} | {"item_id": "1L"}
    sums = item_days.limit(1).selectExpr(
        *(f"CAST({nothing.get(field.name, 'NULL')} AS {field.type}) AS {field.name}" for field in ITEM_SUMS.fields)
    )
    ranges, popularity = {"budget": 30.0}, {"views": 0.3, "purchases": 0.7}
    found = features.item_features(sums, item_days, ranges, popularity).select("item_id", "category_code", "brand")
    assert_frames_equal(found, frame("item_id BIGINT, category_code STRING, brand STRING", (1, "tablets", "acme")))


def test_repeated_keys(frame):
    index = frame("item_id BIGINT", (1,), (1,), (2,))
    assert_frames_equal(repeated_keys(index, ITEM_SUMS), frame("repeated_keys BIGINT", (1,)))
