"""User and item features, each from one row of sums; item features also from latest attributes and two maxima."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables.model import AVERAGE, MONEY
from spark_jobs.transforms.aggregates import list_counts
from spark_jobs.transforms.interactions import PARTS_OF_DAY
from spark_jobs.transforms.scores import score, score_popularity

TOP_CATEGORIES = 5


def user_features(sums: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """Compute the features of the users in `aggregates.user_sums` (see tables.USER_FEATURES). No shuffle."""
    return (
        sums.withColumn("ranked", _rank_categories(weights))
        .withColumn("total_events", _sum_event_counts(sums))
        .withColumn("avg_price", _compute_mean("price_sum", "priced_events"))
        .withColumn("total_spent", F.coalesce("spent_sum", F.lit(0).cast(MONEY)))
        .withColumn("avg_purchase_amount", _compute_mean("spent_sum", "priced_purchases"))
        .withColumn("purchase_frequency", _compute_mean("purchase_count", "active_days"))
        .withColumn("preferred_category", F.try_element_at("ranked", F.lit(1))["category_id"])
        .withColumn("category_preference", _compute_category_preference(weights))
        .withColumn("preferred_time", _find_preferred_time())
    )


def _rank_categories(weights: Mapping[str, float]) -> Column:
    """Return the five categories with the highest score, ties by the smallest id. Scores are negated."""

    def negate_score(entry: Column) -> Column:
        return F.struct(
            (-score(weights, lambda name: entry[name])).alias("below"), entry["category_id"].alias("category_id")
        )

    return F.slice(F.sort_array(F.transform("categories", negate_score)), 1, TOP_CATEGORIES)


def item_features(
    sums: DataFrame, item_days: DataFrame, price_ranges: Mapping[str, float], popularity: Mapping[str, float]
) -> DataFrame:
    """Compute item features from `item_sums` and `daily_items` (see tables.ITEM_FEATURES).

    Shuffles by item. The two maxima are one row, which is broadcast. Each attribute has its own latest day. These days
    of one item give tablets, acme:

        event_date  category_code  brand
        1 October   phones         zeta
        2 October   phones         acme
        3 October   tablets        null
    """
    most = sums.agg(F.max("view_count").alias("most_views"), F.max("purchase_count").alias("most_purchases"))
    latest = item_days.groupBy("item_id").agg(
        *(
            F.max_by(name, F.when(F.col(name).isNotNull(), F.col("event_date"))).alias(name)
            for name in ("category_id", "category_code", "brand")
        )
    )
    return (
        sums.join(latest, "item_id", "left")
        .join(F.broadcast(most), how="cross")
        .withColumn("total_events", _sum_event_counts(sums))
        .withColumn("avg_rating", _compute_mean("given_rating_sum", "given_ratings"))
        .withColumn("avg_price", _compute_mean("price_sum", "priced_events"))
        .withColumn("price_range", _choose_price_range(price_ranges))
        .withColumn("popularity_score", score_popularity(popularity))
    )


def _sum_event_counts(sums: DataFrame) -> Column:
    return reduce(Column.__add__, map(F.col, list_counts(sums)))


def _compute_mean(total: str, count: str) -> Column:
    """Divide exactly, rounded half up to four decimals; null where the count is 0."""
    quotient = F.col(total).cast("decimal(25,2)").cast("decimal(38,12)") / F.nullif(F.col(count), F.lit(0)).cast(
        "decimal(12,0)"
    )
    return F.round(quotient, 4).cast(AVERAGE)


def _compute_category_preference(weights: Mapping[str, float]) -> Column:
    """Return the ranked categories, each with its share of the user's whole score.

    Events without a category count in the whole score. With the weights view 1 and cart 3, this user has the score 8:

        category_id  view_count  cart_count  share
                  3           0           1  0.375
                  7           3           0  0.375
               null           2           0  not listed
    """
    whole = score(weights)
    none = F.array().cast("array<struct<category_id: bigint, share: double>>")

    def compute_share(entry: Column) -> Column:
        return F.struct(
            entry["category_id"], F.when(whole > 0, -entry["below"] / whole).otherwise(F.lit(0.0)).alias("share")
        )

    return F.coalesce(F.transform("ranked", compute_share), none)


def _find_preferred_time() -> Column:
    """Return the part of the day with the most events; ties go to the earliest.

    For three users:

        dawn  morning  afternoon  evening
           0        1          2        2  afternoon
           0        3          2        2  morning
           1        1          1        1  dawn
    """
    most = F.greatest(*(f"{name}_events" for name in PARTS_OF_DAY))
    return F.coalesce(*(F.when(F.col(f"{name}_events") == most, F.lit(name)) for name in PARTS_OF_DAY))


def _choose_price_range(limits: Mapping[str, float]) -> Column:
    price = F.col("avg_price")
    column = F.when(price.isNull(), None)
    for name in sorted(limits, key=limits.__getitem__):
        column = column.when(price <= F.lit(str(limits[name])).cast(AVERAGE), F.lit(name))
    return column.otherwise(F.lit("luxury"))
