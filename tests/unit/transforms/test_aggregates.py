"""Adding a day: sums and scores of some days, extended by another day, equal those of all days together."""

import operator
import random
from datetime import date, datetime
from decimal import Decimal
from functools import reduce

import pytest
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.delta.schema import schema
from spark_jobs.transforms import features, millionths
from spark_jobs.transforms.aggregates import add_item_sums, item_sums, user_sums
from spark_jobs.transforms.interactions import find_first_meetings
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.scores import merge_cells, score, score_pairs
from tests.frames import assert_frames_equal

WEIGHTS = {"view": 1.0, "cart": 3.25, "rating": 4.0, "purchase": 5.0}
LAST = date(2019, 10, 3)
NOW = "(event_date = DATE '2019-10-03')"
NEWCOMER = 99  # a user and an item that occur only on the last day


@pytest.fixture(scope="module")
def interactions(spark):
    """Create three days of a few users and items; on the last day, some are new and some are absent."""
    chance, rows = random.Random(7), {}
    for _ in range(120):
        day = date(2019, 10, chance.randint(1, 3))
        user = chance.choice([1, 2, 3, NEWCOMER] if day == LAST else [1, 2, 3, 4, 5])
        item = chance.choice([1, 2, 3, NEWCOMER] if day == LAST else [1, 2, 3, 4])
        key = (day, user, item, chance.choice([None, 7, 8]))
        rows[key] = _sums(chance, *key)
    return spark.createDataFrame(list(rows.values()), schema(tables.INTERACTIONS))


def _sums(chance: random.Random, day: date, user: int, item: int, category: int | None) -> tuple:
    views, _, purchases, ratings = counts = [chance.randint(0, 2) for _ in tables.recommender.COUNTS]
    parts = [sum(counts), 0, 0, 0]
    chance.shuffle(parts)
    money = [Decimal(chance.randint(0, 999)) / 100 if count else None for count in (views, purchases, ratings)]
    seen = sorted(datetime(day.year, day.month, day.day, chance.randint(0, 23)) for _ in range(2))
    priced = (views, money[0], purchases, money[1], ratings, money[2])
    return (day, user, item, category, *counts, *parts, *priced, *seen)


def split_last_day(interactions):
    return interactions.where(f"NOT {NOW}"), interactions.where(NOW)


def test_item_sums_extended_by_a_day_equal_those_of_all_days(interactions):
    before, new_rows = split_last_day(interactions)
    theirs = with_keys_of(interactions, new_rows, "user_id")
    day = item_sums(new_rows, find_first_meetings(theirs, F.expr(NOW)))
    extended = add_item_sums(item_sums(before, find_first_meetings(before)), day, new_rows)
    assert_frames_equal(extended, item_sums(interactions, find_first_meetings(interactions)))


def test_users_with_new_rows_get_the_same_sums_as_among_all_users(interactions):
    _, new_rows = split_last_day(interactions)
    theirs = with_keys_of(interactions, new_rows, "user_id")
    whole = sort_categories(user_sums(interactions, find_first_meetings(interactions)))
    updated = sort_categories(user_sums(theirs, find_first_meetings(theirs, F.expr(NOW))))
    users = {row.user_id for row in new_rows.collect()}
    assert NEWCOMER in users and len(users) < whole.count()
    assert_frames_equal(updated, whole.where(F.col("user_id").isin(*users)))


def sort_categories(sums):
    return sums.withColumn("categories", F.sort_array("categories"))


def test_first_meetings_and_first_purchases_of_pairs_are_counted_once(interactions):
    before, new_rows = split_last_day(interactions)
    first, whole = find_first_meetings(before), find_first_meetings(interactions)
    then = find_first_meetings(with_keys_of(interactions, new_rows, "user_id"), F.expr(NOW))
    both = first.unionByName(then).groupBy("user_id", "item_id").agg({"met": "sum", "bought": "sum"})
    assert_frames_equal(both, whole.groupBy("user_id", "item_id").agg({"met": "sum", "bought": "sum"}))
    assert {row.met for row in whole.collect()} == {1}


# As DOUBLE, 0.1 + 0.2 is not 0.3, and sums of a million rows in two orders differ in the sixth decimal.
AWKWARD = {"view": 0.3, "cart": 0.1, "rating": 0.000001, "purchase": 12345.678901}


@pytest.mark.parametrize("weights", [WEIGHTS, AWKWARD], ids=["plain", "awkward"])
def test_scores_extended_by_a_day_equal_those_of_all_days_to_the_last_bit(interactions, weights):
    before, new_rows = split_last_day(interactions)
    existing, new = (
        score_pairs(days, weights).selectExpr("*", "user_id AS user_index", "item_id AS item_index")
        for days in (before, new_rows)
    )
    touched = merge_cells(with_keys_of(existing, new_rows, "user_id").unionByName(new))
    extended = touched.select("user_id", "item_id", "score").unionByName(
        without_keys_of(existing, new_rows, "user_id").select("user_id", "item_id", "score")
    )
    assert_frames_equal(extended, score_pairs(interactions, weights))


@pytest.mark.parametrize(
    ("weight", "millions"),
    [(0.3, 300_000), (0.1, 100_000), (1e-6, 1), (12345.678901, 12_345_678_901), (5.0, 5_000_000), (1e6, 10**12)],
)
def test_a_weight_is_converted_by_its_shortest_decimal_text(weight, millions):
    assert millionths.millionths(weight) == millions


def test_a_score_is_the_double_nearest_to_the_exact_value_and_converts_back_to_it(spark):
    chance = random.Random(5)
    exact = [0, 1, 3, 299_999, 300_000, 2**32 * 10**6 + 1, 2**33 * 10**6 - 1]
    exact += [chance.randrange(2**33 * 10**6) for _ in range(500)]
    frame = spark.createDataFrame([(value,) for value in exact], "exact BIGINT")
    frame = frame.withColumn("score", millionths.to_score(F.col("exact")))
    found = frame.withColumn("again", millionths.from_score("score")).collect()
    assert [row.again for row in found] == [row.exact for row in found]
    assert [row.score for row in found] == [float(Decimal(value) / 10**6) for value in exact]


def test_many_awkward_scores_have_the_same_sum_in_any_order(spark):
    """As doubles, these 200,000 rows have another sum when they are sorted. Sums beyond BIGINT are exact too."""
    names = [f"{name}_count" for name in ("view", "cart", "rating", "purchase")]
    counts = spark.range(200_000).selectExpr(
        "id", *(f"(id * {p}) % 7 AS {n}" for n, p in zip(names, (1, 2, 3, 5), strict=True))
    )
    floats = counts.selectExpr("view_count * 0.3D + cart_count * 0.1D + purchase_count * 12345.678901D AS score")
    values = [row.score for row in floats.collect()]
    assert reduce(operator.add, values) != reduce(operator.add, sorted(values))
    expected = sum(
        millionths.millionths(AWKWARD[name]) * (i * prime % 7)
        for i in range(200_000)
        for name, prime in zip(AWKWARD, (1, 2, 3, 5), strict=True)
    )
    for ordered in (counts, counts.orderBy(F.desc("id")), counts.repartition(7)):
        summed = ordered.select(millionths.to_score(score(AWKWARD)).alias("score")).agg(
            millionths.sum_millionths(millionths.from_score("score"))
        )
        assert summed.first()[0] == expected
    heavy = score(dict.fromkeys(AWKWARD, 1e6))
    cells = spark.range(3).selectExpr(
        *(f"9000000L AS {name}" if name == "view_count" else f"0L AS {name}" for name in names)
    )
    assert cells.agg(millionths.sum_millionths(heavy)).first()[0] == 3 * 9 * 10**18  # more than a BIGINT can store


def test_ranks_and_shares_of_categories_follow_exact_scores(spark):
    """Three carts (0.1 each) equal one view (0.3), but not as doubles; of equal categories the smaller id is first."""
    entries = [{"category_id": 7, "view_count": 1}, {"category_id": 3, "cart_count": 3}]
    nothing = {f"{name}_count": 0 for name in ("view", "cart", "rating", "purchase")}
    columns = ", ".join(f"{name}: BIGINT" for name in ("category_id", *nothing))
    row = nothing | {"view_count": 1, "cart_count": 3, "categories": [nothing | entry for entry in entries]}
    counted = spark.createDataFrame(
        [row], f"categories ARRAY<STRUCT<{columns}>>, " + ", ".join(f"{n} BIGINT" for n in nothing)
    )
    found = counted.select(features._rank_categories(AWKWARD).alias("ranked"), "*").select(
        features._compute_category_preference(AWKWARD).alias("shares")
    )
    expected = spark.createDataFrame(
        [([(3, 0.5), (7, 0.5)],)], "shares ARRAY<STRUCT<category_id: BIGINT, share: DOUBLE>>"
    )
    assert_frames_equal(found, expected)
