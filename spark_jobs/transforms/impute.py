"""Repair of missing prices and ratings, from deduplicated events of the same day only."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import CLEANED_EVENTS, PriceSource, RatingSource
from spark_jobs.tables.model import PRICE

PRICE_KEY = ("event_date", "item_id", "category_id")
RATING_KEY = ("event_date", "item_id")
COLUMNS = ("price", "rating")


def missing_values(rated: Sequence[str]) -> dict[str, str]:
    """Return for each column the events that need a value, as SQL. `rated`: the types whose events carry a rating."""
    names = ", ".join(f"'{name}'" for name in rated)
    is_rated = f"event_type IN ({names})" if rated else "false"
    return {"price": "price IS NULL OR price = 0", "rating": f"{is_rated} AND rating IS NULL"}


class Fills(NamedTuple):
    """Values for missing prices and ratings. Small.

    `prices`: one row for each (day, item, category) without a price, with `price_fill` and `price_from`. `ratings`: one
    row for each (day, item) without a rating, with `rating_fill` and `rating_from`. None: no value is missing.
    """

    prices: DataFrame | None
    ratings: DataFrame | None


def find_fills(events: DataFrame, rated: Sequence[str], columns: Collection[str] = COLUMNS) -> Fills:
    """Compute the medians and means that repair deduplicated events, only for items, categories and days in need.

    `rated`: the event types that carry a rating. `columns`: those of price and rating that may be missing. Each level
    is one pass over the events. It shuffles only the rows of the items, categories or days in need. If the day has the
    prices 1.01 and 2.68 of item 1, category 7, and 9.00 of item 4, category 9, these are the `prices`:

        item_id  category_id  price_fill  price_from
              1            8        1.85  item
              2            7        1.85  category
              3         null        2.68  day
    """
    missing = missing_values(rated)
    return Fills(
        _find_price_fills(events, missing["price"]) if "price" in columns else None,
        _find_rating_fills(events, missing["rating"]) if "rating" in columns else None,
    )


def _find_price_fills(events: DataFrame, missing: str) -> DataFrame:
    known = events.where("price > 0").withColumn("cents", (F.col("price") * 100).cast("bigint"))
    to_fill = events.where(missing).select(*PRICE_KEY).distinct()
    levels = ((PriceSource.ITEM, "item_id"), (PriceSource.CATEGORY, "category_id"), (PriceSource.DAY,))
    return _fill_by_level(to_fill, known, _compute_median(), "price", levels)


def _find_rating_fills(events: DataFrame, missing: str) -> DataFrame:
    to_fill = events.where(missing).select(*RATING_KEY).distinct()
    levels = ((RatingSource.ITEM, "item_id"), (RatingSource.DAY,))
    return _fill_by_level(to_fill, events.where("rating IS NOT NULL"), _compute_mean(), "rating", levels)


def repair(events: DataFrame, found: Fills, rated: Sequence[str]) -> DataFrame:
    """Fill missing prices and ratings of deduplicated events, each with its source (`cleaned_events`). No shuffle.

    A price of 0 is missing. For three events of one item on one day:

        price    price after  price_source
        10.00          10.00  given
        20.00          20.00  given
         0.00          15.00  item
    """
    no_price, no_rating = (F.expr(condition) for condition in missing_values(rated).values())
    given = F.when(F.col("rating").isNotNull(), F.lit(RatingSource.GIVEN))
    rating_from = F.when(no_rating, F.col("rating_from"))
    price_from = F.coalesce("price_from", F.lit(PriceSource.NONE))
    priced = _join_fills(events, found.prices, PRICE_KEY, "price")
    return CLEANED_EVENTS.conform(
        _join_fills(priced, found.ratings, RATING_KEY, "rating")
        .withColumn("rating_source", F.coalesce(given, rating_from, F.lit(RatingSource.NONE)))
        .withColumn("rating", F.coalesce("rating", F.when(no_rating, F.col("rating_fill"))))
        .withColumn("price_source", F.when(no_price, price_from).otherwise(PriceSource.GIVEN))
        .withColumn("price", F.when(no_price, F.col("price_fill")).otherwise(F.col("price")))
    )


def _join_fills(events: DataFrame, found: DataFrame | None, key: Sequence[str], name: str) -> DataFrame:
    """Join `found` to the events by `key`, where a null equals a null."""
    if found is None:
        nothing = {f"{name}_fill": F.lit(None).cast(PRICE), f"{name}_from": F.lit(None).cast("string")}
        return events.withColumns(nothing)
    other = F.broadcast(found.select(*(F.col(name).alias(f"_{name}") for name in key), *found.columns[len(key) :]))
    same = [events[name].eqNullSafe(other[f"_{name}"]) for name in key]
    return events.join(other, same, "left").drop(*(f"_{name}" for name in key))


def _fill_by_level(
    to_fill: DataFrame, known: DataFrame, value: Column, name: str, levels: Sequence[tuple[str, ...]]
) -> DataFrame:
    """Add to `to_fill` `<name>_fill` and `<name>_from`, from the first level (name, column) with a known value.

    Each level is computed only for keys that earlier levels could not fill. Usually there are none.
    """
    key = to_fill.columns
    frame = to_fill
    is_unfilled = F.lit(True)
    for level, *columns in levels:
        by = ["event_date", *columns]
        keys_at_level = F.broadcast(frame.where(is_unfilled).select(*by).distinct())
        at_level = known.join(keys_at_level, by, "left_semi").groupBy(*by).agg(value.alias(f"_{level}"))
        frame = frame.join(F.broadcast(at_level), by, "left")
        is_unfilled = is_unfilled & F.col(f"_{level}").isNull()
    source = F.coalesce(*(F.when(F.col(f"_{level}").isNotNull(), F.lit(level)) for level, *_ in levels))
    fill = F.coalesce(*(F.col(f"_{level}") for level, *_ in levels))
    return frame.select(*key, fill.alias(f"{name}_fill"), source.alias(f"{name}_from"))


def _compute_median() -> Column:
    """Return the exact median, from cents. `percentile` interpolates between the middle two; half a cent goes up."""
    half_up = F.floor(F.percentile("cents", 0.5) + 0.5)
    return (half_up / F.lit(100).cast("decimal(3,0)")).cast(PRICE)


def _compute_mean() -> Column:
    """Return the mean, rounded half up to two decimals, exact in decimals."""
    return F.round(F.sum("rating").cast("decimal(24,6)") / F.count("rating"), 2).cast(PRICE)
