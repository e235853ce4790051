"""One row for each user, item, event type and minute: the latest; and the order by which one row of many is chosen."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_jobs.transforms.money import hundredths, money
from spark_jobs.transforms.partitioning import repartition_by_bucket

TIE_BREAKERS = ("session_id", "category_id", "category_code", "brand", "rating")


def latest_first() -> list[Column]:
    """The total order of events: latest first, then the higher price (what the shop last asked is worth more than an
    old page), then text by its UTF-8 bytes and numbers ascending, so that no run can choose otherwise."""
    return [
        F.col("timestamp").desc(),
        F.col("price").desc_nulls_last(),
        *(F.col(name).asc_nulls_last() for name in TIE_BREAKERS),
    ]


def rank_duplicates(events: DataFrame, key: Sequence[Column], days: Sequence[datetime], rows: int) -> DataFrame:
    """Events of these `days`, about `rows` altogether, with `place` among those of the same key, 1 first by
    `latest_first`, and `bucket`. One shuffle, see `repartition_by_bucket`."""
    together = repartition_by_bucket(events, days, rows)
    hashed = F.xxhash64(*key)  # first, for one number tells most keys apart
    window = Window.partitionBy(hashed, "bucket", *key).orderBy(*latest_first())
    return together.withColumn("place", F.row_number().over(window))


def keep_latest(placed: DataFrame, exempt: Sequence[str] = ()) -> DataFrame:
    """The first event of each key; types in `exempt` keep every row. No shuffle."""
    return placed.where(_chosen(exempt)).drop("place", "bucket")


def count_dropped(placed: DataFrame, key: Sequence[Column], exempt: Sequence[str] = ()) -> DataFrame:
    """By day and event type: rows and money, those that `kept` keeps, and the rows too few or too many of a key.

    `key` are named columns, the event type among them. The keys are grouped by themselves, whatever the places say:
    `keys_lost` and `repeated_keys` are 0 unless choosing went wrong. No shuffle of rows.
    """
    chosen, price = _chosen(exempt), hundredths("price")
    by_key = placed.groupBy("event_date", "bucket", *key).agg(
        F.count("*").alias("rows"),
        F.sum(price).alias("money"),
        F.count_if(chosen).alias("kept"),
        F.sum(F.when(chosen, price)).alias("kept_money"),
    )
    due = F.when(F.col("event_type").isin(*exempt), F.col("rows")).otherwise(F.lit(1)) if exempt else F.lit(1)
    return by_key.groupBy("event_date", "event_type").agg(
        *(F.sum(name).alias(name) for name in ("rows", "kept")),
        *(money(F.sum(name)).alias(name) for name in ("money", "kept_money")),
        F.sum(F.greatest(due - F.col("kept"), F.lit(0))).alias("keys_lost"),
        F.sum(F.greatest(F.col("kept") - due, F.lit(0))).alias("repeated_keys"),
    )


def _chosen(exempt: Sequence[str]) -> Column:
    first = F.col("place") == 1
    return first | F.col("event_type").isin(*exempt) if exempt else first
