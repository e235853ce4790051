"""Scores: of a user for an item, as the sum of event counts times their weights; and the popularity of an item."""

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.transforms.interactions import COUNT
from spark_jobs.transforms.millionths import from_score, millionths, to_score


def score(weights: Mapping[str, float], of: Callable[[str], Column] = F.col) -> Column:
    """Return the score of a row of summed counts in whole millionths, BIGINT: each type's count times its weight.

    `of` returns a count by its name, so that a struct can be scored too.
    """
    parts = [of(f"{name}{COUNT}") * F.lit(millionths(weight)).cast("bigint") for name, weight in weights.items()]
    return reduce(Column.__add__, parts)


def score_pairs(interactions: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """Return user_id, item_id and score of `daily_interactions`; pairs with score 0 are skipped.

    One shuffle of the interactions. With the weights view 1 and cart 3, these rows of a user give item 7 the score 5
    and item 8 the score 1:

        event_date  item_id  view_count  cart_count
        1 October         7           1           0
        2 October         7           1           1
        2 October         8           1           0
    """
    summed = (
        interactions.repartition("user_id", "item_id")
        .groupBy("user_id", "item_id")
        .agg(*(F.sum(f"{name}{COUNT}").alias(f"{name}{COUNT}") for name in weights))
    )
    return summed.select("user_id", "item_id", to_score(score(weights)).alias("score")).where("score <> 0")


def merge_cells(cells: DataFrame) -> DataFrame:
    """Merge the cells of each pair into one, adding their scores exactly. One shuffle of the cells."""
    numbers = [F.max(name).alias(name) for name in ("user_index", "item_index")]
    by_pair = cells.repartition("user_id", "item_id").groupBy("user_id", "item_id")
    return by_pair.agg(to_score(F.sum(from_score("score"))).alias("score"), *numbers)


def score_popularity(weights: Mapping[str, float]) -> Column:
    """Return the popularity score of an item, 0 to 1: its views and purchases, each as a share of the most of any item.

    Needs the columns `most_views` and `most_purchases`. With the weights views 0.3 and purchases 0.7:

        view_count  most_views  purchase_count  most_purchases  popularity
               100         100               0              10        0.30
                50         100              10              10        0.85
                 0           0               0               0        0.00
    """
    views = F.coalesce(F.col("view_count") / F.nullif(F.col("most_views"), F.lit(0)), F.lit(0.0))
    purchases = F.coalesce(F.col("purchase_count") / F.nullif(F.col("most_purchases"), F.lit(0)), F.lit(0.0))
    return F.lit(weights["views"]) * views + F.lit(weights["purchases"]) * purchases
