"""Daily sums of cleaned events. Matrix and features follow from them by addition, exactly and in any order."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import INTERACTIONS, ITEM_DAYS, RatingSource, add_type_counts
from spark_jobs.transforms.latest_attributes import find_latest_known
from spark_jobs.transforms.money import hundredths, money
from spark_jobs.transforms.partitioning import repartition_by_bucket

COUNT = "_count"  # the end of the name of each column that counts the events of a type
PARTS_OF_DAY = {"dawn": (0, 6), "morning": (7, 12), "afternoon": (13, 18), "evening": (19, 23)}


def daily_interactions(cleaned: DataFrame, days: Sequence[datetime], rows: int, types: Sequence[str]) -> DataFrame:
    """Sum `cleaned_events` of these days, about `rows` rows, to `daily_interactions`. `types`: all event types.

    One shuffle, before anything is summed: in a day few events of a user are of the same item, so partial sums would be
    about as many as the events. These events of one user, item and category on one day have `price_sum` 32.00,
    `spent_sum` 12.00, `given_ratings` 1 and `given_rating_sum` 4.00:

        event_type  price  rating  rating_source
        purchase    12.00    null  none
        rating      10.00    4.00  given
        rating      10.00    3.50  day
    """
    purchase = F.col("event_type") == "purchase"
    is_given = F.col("rating_source") == RatingSource.GIVEN
    hour, price = F.hour("timestamp"), hundredths("price")
    together = repartition_by_bucket(cleaned, days, rows)
    summed = together.groupBy("bucket", "event_date", "user_id", "item_id", "category_id").agg(
        *(F.count_if(F.col("event_type") == name).alias(f"{name}{COUNT}") for name in types),
        *(F.count_if(hour.between(*hours)).alias(f"{name}_events") for name, hours in PARTS_OF_DAY.items()),
        F.count("price").alias("priced_events"),
        money(F.sum(price)).alias("price_sum"),
        F.count(F.when(purchase, F.col("price"))).alias("priced_purchases"),
        money(F.sum(F.when(purchase, price))).alias("spent_sum"),
        F.count_if(is_given).alias("given_ratings"),
        money(F.sum(F.when(is_given, hundredths("rating")))).alias("given_rating_sum"),
        F.min("timestamp").alias("first_seen"),
        F.max("timestamp").alias("last_seen"),
    )
    return add_type_counts(INTERACTIONS, types).conform(summed)


def daily_items(cleaned: DataFrame) -> DataFrame:
    """Return `daily_items`: the latest known category, code and brand of each item on each day."""
    return ITEM_DAYS.conform(find_latest_known(cleaned, ("category_id", "category_code", "brand")))


def fill_counts(rows: DataFrame, types: Sequence[str]) -> DataFrame:
    """Return rows with a count for each event type: 0 where a row is older than the type.

    The type wishlist was added on 2 October:

        event_date  wishlist_count  after
        1 October             null      0
        2 October                0      0
        2 October                3      3
    """
    counted, zero = list_counted_types(rows), F.lit(0).cast("bigint")
    added = [name for name in types if f"{name}{COUNT}" not in INTERACTIONS.columns]
    return rows.withColumns(
        {f"{name}{COUNT}": F.coalesce(f"{name}{COUNT}", zero) if name in counted else zero for name in added}
    )


def list_counted_types(rows: DataFrame) -> list[str]:
    """Return the event types that the rows have a count of."""
    return [name.removesuffix(COUNT) for name in rows.columns if name.endswith(COUNT)]


def find_first_meetings(interactions: DataFrame, now: Column | None = None) -> DataFrame:
    """Return user_id, item_id and, as 0 or 1, `met` and `bought`: whether this happened for the first time.

    `now`: the condition of the rows that count as new (None: all). `interactions` must have all rows of their users.
    One shuffle by user. For one user, this gives item 7 met 0, bought 1 and item 8 met 1, bought 0:

        item_id  event_date  purchase_count  now
              7  1 October                0  false
              7  2 October                1  true
              8  2 October                0  true
    """
    now = F.lit(True) if now is None else now
    rows = interactions.select("user_id", "item_id", (F.col("purchase_count") > 0).alias("bought"), now.alias("now"))
    earlier, bought = ~F.col("now"), F.col("bought")
    by_pair = rows.repartition("user_id").groupBy("user_id", "item_id")
    return by_pair.agg(
        (~F.max(earlier)).cast("int").alias("met"),
        (F.max(bought) & ~F.max(bought & earlier)).cast("int").alias("bought"),
    )
