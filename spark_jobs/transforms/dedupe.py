"""Deduplication to the latest row of each user, item, event type and minute, and the total order that chooses it."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_jobs.tables.source_columns import ADDED
from spark_jobs.transforms.money import hundredths, money
from spark_jobs.transforms.partitioning import repartition_by_bucket

TIE_BREAKERS = ("session_id", "category_id", "category_code", "brand", "rating", *(column.name for column in ADDED))


def latest_first() -> list[Column]:
    """Return the total order of events, latest first, so that no run can choose another row.

    Ties go to the higher price (the shop's latest price is worth more than an old page), then to the smaller text by
    UTF-8 bytes or the smaller number.
    """
    return [
        F.col("timestamp").desc(),
        F.col("price").desc_nulls_last(),
        *(F.col(name).asc_nulls_last() for name in TIE_BREAKERS),
    ]


def rank_duplicates(events: DataFrame, key: Sequence[Column], days: Sequence[datetime], rows: int) -> DataFrame:
    """Add `place`, the rank within the key by `latest_first` (1 is first), and `bucket` to events of these `days`.

    `rows`: about how many events there are. One shuffle, see `repartition_by_bucket`. For three events of one key:

        timestamp  price  place
        12:00:05   10.00      3
        12:00:05   12.00      2
        12:00:40    9.00      1
    """
    together = repartition_by_bucket(events, days, rows)
    hashed = F.xxhash64(*key)  # first: one number distinguishes most keys
    window = Window.partitionBy(hashed, "bucket", *key).orderBy(*latest_first())
    return together.withColumn("place", F.row_number().over(window))


def keep_latest(ranked: DataFrame, exempt: Sequence[str] = ()) -> DataFrame:
    """Keep the first event of each key, and every row of the types in `exempt`. No shuffle.

    With purchases exempt:

        event_type  place
        view            1  kept
        view            2  dropped
        purchase        2  kept
    """
    return ranked.where(_is_kept(exempt)).drop("place", "bucket")


def count_dropped(ranked: DataFrame, key: Sequence[Column], exempt: Sequence[str] = ()) -> DataFrame:
    """Count by day and event type: rows and money, those that `keep_latest` keeps, `keys_lost`, `repeated_keys`.

    `key`: named columns, the event type among them. `keys_lost`: rows that should have been kept but were not.
    `repeated_keys`: rows that were kept although they should not have been. The keys are grouped again, independently
    of `place`, so both are 0 unless the choice went wrong. No shuffle of rows. The three rows of `keep_latest`, with
    prices of 9.00, 12.00 and 2.00 and another purchase of 2.00 in place 1, give:

        event_type  rows  kept  money  kept_money  keys_lost  repeated_keys
        view           2     1  21.00        9.00          0              0
        purchase       2     2   4.00        4.00          0              0
    """
    is_kept, price = _is_kept(exempt), hundredths("price")
    by_key = ranked.groupBy("event_date", "bucket", *key).agg(
        F.count("*").alias("rows"),
        F.sum(price).alias("money"),
        F.count_if(is_kept).alias("kept"),
        F.sum(F.when(is_kept, price)).alias("kept_money"),
    )
    expected = F.when(F.col("event_type").isin(*exempt), F.col("rows")).otherwise(F.lit(1)) if exempt else F.lit(1)
    return by_key.groupBy("event_date", "event_type").agg(
        *(F.sum(name).alias(name) for name in ("rows", "kept")),
        *(money(F.sum(name)).alias(name) for name in ("money", "kept_money")),
        F.sum(F.greatest(expected - F.col("kept"), F.lit(0))).alias("keys_lost"),
        F.sum(F.greatest(F.col("kept") - expected, F.lit(0))).alias("repeated_keys"),
    )


def _is_kept(exempt: Sequence[str]) -> Column:
    first = F.col("place") == 1
    return first | F.col("event_type").isin(*exempt) if exempt else first
