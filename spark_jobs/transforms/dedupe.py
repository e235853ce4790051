"""One row for each user, item, event type and minute: the latest; and the order by which one row of many is chosen."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

TIE_BREAKERS = ("session_id", "category_id", "category_code", "brand", "rating")


def latest_first() -> list[Column]:
    """The total order of events: latest first, then the higher price (what the shop last asked is worth more than an
    old page), then text by its UTF-8 bytes and numbers ascending, so that no run can choose otherwise."""
    return [
        F.col("timestamp").desc(),
        F.col("price").desc_nulls_last(),
        *(F.col(name).asc_nulls_last() for name in TIE_BREAKERS),
    ]


def placed(events: DataFrame, key: Sequence[Column]) -> DataFrame:
    """Events with `place` among those of the same key, 1 first by `latest_first`. One shuffle by user and item.

    Whatever groups by user, item and more (the key, the daily sums) needs no other shuffle after this one; neither a
    user nor an item that is everywhere makes one part of it much larger than the others.
    """
    window = Window.partitionBy(*key).orderBy(*latest_first())
    together = events.repartition("user_id", "item_id")
    return together.withColumn("place", F.row_number().over(window))


def kept(placed: DataFrame, exempt: Sequence[str] = ()) -> DataFrame:
    """The first event of each key; types in `exempt` keep every row. No shuffle."""
    first = F.col("place") == 1
    return placed.where(first | F.col("event_type").isin(*exempt) if exempt else first).drop("place")


def drops(events: DataFrame, kept: DataFrame, key: Sequence[Column], exempt: Sequence[str] = ()) -> DataFrame:
    """By day and event type: rows and money of `events`, its number of different keys, rows and money of `kept`.

    `key` are named columns, the event type among them. The keys are counted from `events` by themselves, so that a
    lost or a doubled key shows. No shuffle of rows where `events` is `placed`.
    """
    day_type = ["event_date", "event_type"]
    by_key = events.groupBy("event_date", *key).agg(F.count("*").alias("rows"), F.sum("price").alias("money"))
    due = F.when(F.col("event_type").isin(*exempt), F.col("rows")).otherwise(F.lit(1)) if exempt else F.lit(1)
    before = by_key.groupBy(*day_type).agg(
        F.sum("rows").alias("rows"), F.sum(due).alias("due"), F.sum("money").alias("money")
    )
    after = kept.groupBy(*day_type).agg(F.count("*").alias("kept"), F.sum("price").alias("kept_money"))
    return before.join(after, day_type, "left")


def repeatable(exempt: Sequence[str]) -> str:
    """SQL over the key: whether several rows of it are meant, for their event type keeps repeats."""
    return f"event_type IN ({', '.join(map(repr, exempt))})" if exempt else "false"
