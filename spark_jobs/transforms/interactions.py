"""The daily bases: cleaned events summed so that matrix and features follow by adding, exactly and in any order."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import INTERACTIONS, ITEM_DAYS
from spark_jobs.transforms.latest_attributes import find_latest_known
from spark_jobs.transforms.money import hundredths, money
from spark_jobs.transforms.partitioning import repartition_by_bucket
from spark_jobs.transforms.scores import from_score, millionths, to_score

TYPES = ("view", "cart", "purchase", "rating")
PARTS_OF_DAY = {"dawn": (0, 6), "morning": (7, 12), "afternoon": (13, 18), "evening": (19, 23)}


def daily_interactions(cleaned: DataFrame, days: Sequence[datetime], rows: int) -> DataFrame:
    """`cleaned_events` of these days, about `rows`, to `daily_interactions`. One shuffle, before anything is summed:
    in a day few events of a user are of the same item, so that partial sums would be about as many."""
    purchase = F.col("event_type") == "purchase"
    given = F.col("rating_source") == "given"
    hour, price = F.hour("timestamp"), hundredths("price")
    together = repartition_by_bucket(cleaned, days, rows)
    summed = together.groupBy("bucket", "event_date", "user_id", "item_id", "category_id").agg(
        *(F.count_if(F.col("event_type") == name).alias(f"{name}_count") for name in TYPES),
        *(F.count_if(hour.between(*hours)).alias(f"{name}_events") for name, hours in PARTS_OF_DAY.items()),
        F.count("price").alias("priced_events"),
        money(F.sum(price)).alias("price_sum"),
        F.count(F.when(purchase, F.col("price"))).alias("priced_purchases"),
        money(F.sum(F.when(purchase, price))).alias("spent_sum"),
        F.count_if(given).alias("given_ratings"),
        money(F.sum(F.when(given, hundredths("rating")))).alias("given_rating_sum"),
        F.min("timestamp").alias("first_seen"),
        F.max("timestamp").alias("last_seen"),
    )
    return INTERACTIONS.conform(summed)


def daily_items(cleaned: DataFrame) -> DataFrame:
    """`cleaned_events` to `daily_items`: each day's latest known category, code and brand of each item."""
    return ITEM_DAYS.conform(find_latest_known(cleaned, ("category_id", "category_code", "brand")))


def find_first_meetings(interactions: DataFrame, now: Column | None = None) -> DataFrame:
    """`daily_interactions` to their user_id and item_id and, as 0 or 1, `met` and `bought`: whether that happened for
    the first time in the rows that are `now` (None: all), of users whose rows are all there. One shuffle by user."""
    now = F.lit(True) if now is None else now
    rows = interactions.select("user_id", "item_id", (F.col("purchase_count") > 0).alias("bought"), now.alias("now"))
    earlier, bought = ~F.col("now"), F.col("bought")
    by_pair = rows.repartition("user_id").groupBy("user_id", "item_id")
    return by_pair.agg(
        (~F.max(earlier)).cast("int").alias("met"),
        (F.max(bought) & ~F.max(bought & earlier)).cast("int").alias("bought"),
    )


def score(weights: Mapping[str, float], of: Callable[[str], Column] = F.col) -> Column:
    """The score of a row of summed counts (or of a struct, by `of`) in whole millionths, BIGINT: each type's count
    times its weight."""
    parts = [of(f"{name}_count") * F.lit(millionths(weights[name])).cast("bigint") for name in TYPES]
    return reduce(Column.__add__, parts)


def score_pairs(interactions: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """`daily_interactions` to user_id, item_id, score; pairs without a score are left out. One shuffle of them."""
    summed = (
        interactions.repartition("user_id", "item_id")
        .groupBy("user_id", "item_id")
        .agg(*(F.sum(f"{name}_count").alias(f"{name}_count") for name in TYPES))
    )
    return summed.select("user_id", "item_id", to_score(score(weights)).alias("score")).where("score <> 0")


def merge_cells(cells: DataFrame) -> DataFrame:
    """Cells, several of a pair, to one of each with their scores added, exactly. One shuffle of them."""
    numbers = [F.max(name).alias(name) for name in ("user_index", "item_index")]
    by_pair = cells.repartition("user_id", "item_id").groupBy("user_id", "item_id")
    return by_pair.agg(to_score(F.sum(from_score("score"))).alias("score"), *numbers)
