"""What a day adds: sums, cells and features of some days and then of others are those of all of them at once."""

import random
from datetime import date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.storage import schema
from spark_jobs.transforms.came import of_others, of_those
from spark_jobs.transforms.interactions import adds_exactly, more_cells, pair_scores, pairs
from spark_jobs.transforms.sums import item_sums, more_item_sums, user_sums

WEIGHTS = {"view": 1.0, "cart": 3.25, "rating": 4.0, "purchase": 5.0}
LAST = date(2019, 10, 3)
NOW = "(event_date = DATE '2019-10-03')"
NEWCOMER = 99  # a user and an item of the last day alone


@pytest.fixture(scope="module")
def interactions(spark):
    """Three days of a few users and items; on the last one some come for the first time and some do not come."""
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


def split(interactions):
    return interactions.where(f"NOT {NOW}"), interactions.where(NOW)


def rows(frame) -> list:
    return sorted(map(tuple, frame.collect()))


def test_item_sums_grown_by_a_day_are_those_of_all_days(interactions):
    before, came = split(interactions)
    theirs = of_those(interactions, came, "user_id")
    day = item_sums(came, pairs(theirs, F.expr(NOW)))
    grown = more_item_sums(item_sums(before, pairs(before)), day, came)
    assert rows(grown) == rows(item_sums(interactions, pairs(interactions)))


def test_users_who_came_are_told_as_among_all(interactions):
    _, came = split(interactions)
    theirs = of_those(interactions, came, "user_id")
    whole = of_user(user_sums(interactions, pairs(interactions)))
    told = of_user(user_sums(theirs, pairs(theirs, F.expr(NOW))))
    assert NEWCOMER in told and len(told) < len(whole)
    assert told == {user: row for user, row in whole.items() if user in told}


def of_user(sums) -> dict:
    return {row.user_id: row for row in sums.withColumn("categories", F.sort_array("categories")).collect()}


def test_a_pair_is_met_once_and_bought_for_the_first_time_once(interactions):
    before, came = split(interactions)
    first, whole = pairs(before), pairs(interactions)
    then = pairs(of_those(interactions, came, "user_id"), F.expr(NOW))
    both = rows(first.unionByName(then).groupBy("user_id", "item_id").agg({"met": "sum", "bought": "sum"}))
    assert both == rows(whole.groupBy("user_id", "item_id").agg({"met": "sum", "bought": "sum"}))
    assert {row.met for row in whole.collect()} == {1}


def test_scores_grown_by_a_day_are_those_of_all_days_where_weights_add_exactly(interactions):
    assert adds_exactly(WEIGHTS)
    before, came = split(interactions)
    standing, new = (
        pair_scores(days, WEIGHTS).selectExpr("*", "user_id AS user_index", "item_id AS item_index")
        for days in (before, came)
    )
    touched = more_cells(of_those(standing, came, "user_id").unionByName(new))
    grown = touched.select("user_id", "item_id", "score").unionByName(
        of_others(standing, came, "user_id").select("user_id", "item_id", "score")
    )
    assert rows(grown) == rows(pair_scores(interactions, WEIGHTS))


@pytest.mark.parametrize("weight", [0.1, 1 / 3, 2.0**21])
def test_weights_that_a_double_does_not_add_exactly_are_told(weight):
    assert not adds_exactly(WEIGHTS | {"view": weight})
