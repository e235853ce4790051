"""User and item features, as sums over the daily bases: exact, and the same in any order of days."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables.model import AVERAGE, MONEY
from spark_jobs.transforms.interactions import PARTS_OF_DAY, TYPES, score
from spark_jobs.transforms.money import hundredths, money

TOP_CATEGORIES = 5
COUNTED = (*(f"{name}_count" for name in TYPES), "priced_events", "price_sum", "priced_purchases", "spent_sum")
USER_SUMS = (*COUNTED, *(f"{name}_events" for name in PARTS_OF_DAY))
ITEM_SUMS = (*COUNTED, "given_ratings", "given_rating_sum")


def user_features(interactions: DataFrame, pairs: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """`daily_interactions` and all `pairs` of their users to one row for each user (see tables.USER_FEATURES).

    A user's rows are brought together before anything is summed: partial sums would be about as many as the rows.
    Distinct days are counted by grouping twice, for a distinct count in an aggregate multiplies its rows.
    """
    interactions = interactions.repartition("user_id")
    items = pairs.groupBy("user_id")
    days = interactions.select("user_id", "event_date").distinct().groupBy("user_id")
    return (
        interactions.groupBy("user_id")
        .agg(*_sums(USER_SUMS))
        .join(items.agg(F.count("*").alias("unique_items")), "user_id")
        .join(days.agg(F.count("*").alias("active_days")), "user_id")
        .join(_ranked_categories(interactions, weights), "user_id", "left")
        .withColumn("total_events", _total())
        .withColumn("avg_price", _mean("price_sum", "priced_events"))
        .withColumn("total_spent", F.coalesce("spent_sum", F.lit(0).cast(MONEY)))
        .withColumn("avg_purchase_amount", _mean("spent_sum", "priced_purchases"))
        .withColumn("purchase_frequency", _mean("purchase_count", "active_days"))
        .withColumn("preferred_category", F.try_element_at("ranked", F.lit(1))["category_id"])
        .withColumn("category_preference", _category_preference(weights))
        .withColumn("preferred_time", _preferred_time())
    )


def _ranked_categories(interactions: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """Each user's five categories with the highest score, ties to the smallest id: `ranked`, scores negated."""
    counts = [F.sum(f"{name}_count").alias(f"{name}_count") for name in TYPES]
    by_category = interactions.where("category_id IS NOT NULL").groupBy("user_id", "category_id").agg(*counts)
    ranked = F.sort_array(F.collect_list(F.struct((-score(weights)).alias("below"), "category_id")))
    return by_category.groupBy("user_id").agg(F.slice(ranked, 1, TOP_CATEGORIES).alias("ranked"))


def item_features(
    interactions: DataFrame,
    pairs: DataFrame,
    item_days: DataFrame,
    price_ranges: Mapping[str, float],
    popularity: Mapping[str, float],
) -> DataFrame:
    """The bases to one row for each item (see tables.ITEM_FEATURES). Shuffles by item; the two maxima are one row."""
    summed = interactions.groupBy("item_id").agg(*_sums(ITEM_SUMS))
    users = pairs.groupBy("item_id").agg(
        F.count("*").alias("unique_users"), F.count_if("bought").alias("unique_purchasers")
    )
    most = summed.agg(F.max("view_count").alias("most_views"), F.max("purchase_count").alias("most_purchases"))
    latest = item_days.groupBy("item_id").agg(
        *(
            F.max_by(name, F.when(F.col(name).isNotNull(), F.col("event_date"))).alias(name)
            for name in ("category_id", "category_code", "brand")
        )
    )
    return (
        summed.join(users, "item_id")
        .join(latest, "item_id", "left")
        .join(F.broadcast(most), how="cross")
        .withColumn("total_events", _total())
        .withColumn("avg_rating", _mean("given_rating_sum", "given_ratings"))
        .withColumn("avg_price", _mean("price_sum", "priced_events"))
        .withColumn("price_range", _price_range(price_ranges))
        .withColumn("popularity_score", _popularity(popularity))
    )


def _sums(names: Sequence[str]) -> list[Column]:
    """Sums that keep their names, and the first and last time."""
    sums = {name: money(F.sum(hundredths(name))) if name.endswith("_sum") else F.sum(name) for name in names}
    seen = (F.min("first_seen").alias("first_seen"), F.max("last_seen").alias("last_seen"))
    return [*(total.alias(name) for name, total in sums.items()), *seen]


def _total() -> Column:
    return sum((F.col(f"{name}_count") for name in TYPES[1:]), F.col(f"{TYPES[0]}_count"))


def _mean(total: str, count: str) -> Column:
    """Exact division, half up to four decimals; null where there is nothing to divide by."""
    quotient = F.col(total).cast("decimal(25,2)").cast("decimal(38,12)") / F.nullif(F.col(count), F.lit(0)).cast(
        "decimal(12,0)"
    )
    return F.round(quotient, 4).cast(AVERAGE)


def _category_preference(weights: Mapping[str, float]) -> Column:
    """The ranked categories, each with its share of all the user's score; events without a category count in that."""
    whole = score(weights)
    none = F.array().cast("array<struct<category_id: bigint, share: double>>")

    def share(entry: Column) -> Column:
        return F.struct(
            entry["category_id"], F.when(whole > 0, -entry["below"] / whole).otherwise(F.lit(0.0)).alias("share")
        )

    return F.coalesce(F.transform("ranked", share), none)


def _preferred_time() -> Column:
    """The part of the day with the most events; ties go to the earliest."""
    most = F.greatest(*(f"{name}_events" for name in PARTS_OF_DAY))
    return F.coalesce(*(F.when(F.col(f"{name}_events") == most, F.lit(name)) for name in PARTS_OF_DAY))


def _price_range(limits: Mapping[str, float]) -> Column:
    price = F.col("avg_price")
    column = F.when(price.isNull(), None)
    for name in sorted(limits, key=limits.get):
        column = column.when(price <= F.lit(str(limits[name])).cast(AVERAGE), F.lit(name))
    return column.otherwise(F.lit("luxury"))


def _popularity(weights: Mapping[str, float]) -> Column:
    views = F.coalesce(F.col("view_count") / F.nullif(F.col("most_views"), F.lit(0)), F.lit(0.0))
    purchases = F.coalesce(F.col("purchase_count") / F.nullif(F.col("most_purchases"), F.lit(0)), F.lit(0.0))
    return F.lit(weights["views"]) * views + F.lit(weights["purchases"]) * purchases
