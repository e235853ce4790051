"""What is counted of users and items: over all days, or over some days and then added to what stands, exactly."""

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import ITEM_SUMS, USER_SUMS
from spark_jobs.transforms.came import of_others, of_those
from spark_jobs.transforms.interactions import PARTS_OF_DAY, TYPES
from spark_jobs.transforms.money import hundredths, money

COUNTED = (*(f"{name}_count" for name in TYPES), "priced_events", "price_sum", "priced_purchases", "spent_sum")
OF_USER = (*COUNTED, *(f"{name}_events" for name in PARTS_OF_DAY))
OF_ITEM = (*COUNTED, "given_ratings", "given_rating_sum")


def user_sums(interactions: DataFrame, pairs: DataFrame) -> DataFrame:
    """`daily_interactions` of some days and their `pairs` to `user_sums`.

    A user's rows are brought together before anything is summed: partial sums would be about as many as the rows.
    Distinct days are counted by grouping twice, for a distinct count in an aggregate multiplies its rows.
    """
    together = interactions.repartition("user_id")
    items = pairs.groupBy("user_id").agg(F.sum("met").alias("unique_items"))
    days = together.select("user_id", "event_date").distinct().groupBy("user_id").agg(F.count("*").alias("active_days"))
    summed = together.groupBy("user_id").agg(*_sums(OF_USER)).join(items, "user_id").join(days, "user_id")
    return _with_categories(summed, together)


def more_user_sums(sums: DataFrame) -> DataFrame:
    """Rows of `user_sums`, several of a user, to one of each. One shuffle by user."""
    together = sums.repartition("user_id")
    summed = together.groupBy("user_id").agg(*_sums((*OF_USER, "unique_items", "active_days")))
    return _with_categories(summed, together.select("user_id", F.inline("categories")))


def item_sums(interactions: DataFrame, pairs: DataFrame) -> DataFrame:
    """`daily_interactions` of some days and their `pairs` to `item_sums`. Two shuffles of sums by item."""
    users = pairs.groupBy("item_id").agg(F.sum("met").alias("unique_users"), F.sum("bought").alias("unique_purchasers"))
    return ITEM_SUMS.conform(interactions.groupBy("item_id").agg(*_sums(OF_ITEM)).join(users, "item_id"))


def more_item_sums(sums: DataFrame) -> DataFrame:
    """Rows of `item_sums`, several of an item, to one of each."""
    return ITEM_SUMS.conform(sums.groupBy("item_id").agg(*_sums((*OF_ITEM, "unique_users", "unique_purchasers"))))


def added(
    standing: DataFrame, new: DataFrame, came: DataFrame, key: str, more: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """`standing` with `new` added by `more`, in which only the keys that `came` has are shuffled: the others stay."""
    return more(of_those(standing, came, key).unionByName(new)).unionByName(of_others(standing, came, key))


def _with_categories(summed: DataFrame, counts: DataFrame) -> DataFrame:
    """`summed` with each user's known `categories`, from rows of one category each. No shuffle."""
    by_category = counts.where("category_id IS NOT NULL").groupBy("user_id", "category_id")
    names = [f"{name}_count" for name in TYPES]
    entries = F.sort_array(F.collect_list(F.struct("category_id", *names))).alias("categories")
    of_user = by_category.agg(*(F.sum(name).alias(name) for name in names)).groupBy("user_id").agg(entries)
    none = F.array().cast(USER_SUMS.type_of("categories"))
    return USER_SUMS.conform(
        summed.join(of_user, "user_id", "left").withColumn("categories", F.coalesce("categories", none))
    )


def _sums(names: Sequence[str]) -> list[Column]:
    """Sums that keep their names, and the first and last time."""
    sums = {name: money(F.sum(hundredths(name))) if name.endswith("_sum") else F.sum(name) for name in names}
    seen = (F.min("first_seen").alias("first_seen"), F.max("last_seen").alias("last_seen"))
    return [*(total.alias(name) for name, total in sums.items()), *seen]
