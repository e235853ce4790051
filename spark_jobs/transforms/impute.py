"""Repair of missing prices and ratings, from the same day's deduplicated events alone."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import CLEANED_EVENTS
from spark_jobs.tables.model import PRICE


def repair(events: DataFrame) -> DataFrame:
    """Deduplicated events to `cleaned_events`: missing prices and ratings filled, each with its source.

    Medians and means are computed only for the items, categories and days that need one; they are small and are
    broadcast, so that the events themselves are not shuffled.
    """
    priced = events.withColumn("price", F.when(F.col("price") > 0, F.col("price")))
    lacking = priced.where("price IS NULL")
    unrated = events.where("event_type = 'rating' AND rating IS NULL")
    filled = (
        priced.join(*_median(priced, lacking, ["event_date", "item_id"], "item_median"))
        .join(*_median(priced, lacking, ["event_date", "category_id"], "category_median"))
        .join(*_median(priced, lacking, ["event_date"], "day_median"))
        .join(*_mean(events, unrated, ["event_date", "item_id"], "item_mean"))
        .join(*_mean(events, unrated, ["event_date"], "day_mean"))
    )
    price = [("given", "price"), ("item", "item_median"), ("category", "category_median"), ("day", "day_median")]
    rating = [("given", "rating"), ("item", "item_mean"), ("day", "day_mean")]
    to_rate = F.col("rating").isNotNull() | (F.col("event_type") == "rating")
    return CLEANED_EVENTS.conform(
        filled.withColumn("price_source", _source(price))
        .withColumn("rating_source", F.when(to_rate, _source(rating)).otherwise(F.lit("none")))
        .withColumn("price", F.coalesce(*(column for _, column in price)))
        .withColumn("rating", F.when(to_rate, F.coalesce(*(column for _, column in rating))))
    )


def _source(candidates: Sequence[tuple[str, str]]) -> Column:
    source = F.lit("none")
    for name, column in reversed(candidates):
        source = F.when(F.col(column).isNotNull(), F.lit(name)).otherwise(source)
    return source


def _median(priced: DataFrame, lacking: DataFrame, by: list[str], name: str) -> tuple[DataFrame, list[str], str]:
    """Exact medians in cents: `percentile` interpolates halfway between the middle two; half a cent goes up."""
    needy = F.broadcast(lacking.select(*by).distinct())
    cents = F.percentile((F.col("price") * 100).cast("bigint"), 0.5)
    half_up = (F.floor(cents + 0.5) / F.lit(100).cast("decimal(3,0)")).cast(PRICE)
    known = priced.where("price IS NOT NULL").join(needy, by, "left_semi").groupBy(*by).agg(half_up.alias(name))
    return F.broadcast(known), by, "left"


def _mean(events: DataFrame, unrated: DataFrame, by: list[str], name: str) -> tuple[DataFrame, list[str], str]:
    """Means of the given ratings, half up to two decimals, exact in decimals."""
    needy = F.broadcast(unrated.select(*by).distinct())
    total = F.sum("rating").cast("decimal(24,6)") / F.count("rating")
    known = events.where("rating IS NOT NULL").join(needy, by, "left_semi").groupBy(*by)
    return F.broadcast(known.agg(F.round(total, 2).cast(PRICE).alias(name))), by, "left"
