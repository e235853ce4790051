"""Sums by user and by item. Item sums of some days can be added to the existing ones, exactly."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import ITEM_SUMS, Table, add_type_counts
from spark_jobs.transforms.interactions import COUNT, PARTS_OF_DAY, list_counted_types
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.money import hundredths, money

PRICED = ("priced_events", "price_sum", "priced_purchases", "spent_sum")
OF_USER = (*PRICED, *(f"{name}_events" for name in PARTS_OF_DAY))
OF_ITEM = (*PRICED, "given_ratings", "given_rating_sum")
MET_BY = ("unique_users", "unique_purchasers")


def user_sums(interactions: DataFrame, pairs: DataFrame) -> DataFrame:
    """Sum `daily_interactions` of all days of some users, with their `pairs`, to one row for each user.

    Adds `unique_items`, `active_days`, and `categories`: the counts in each known category (null: none is known).

    A user's rows are shuffled together before anything is summed, because partial sums would be about as many as the
    rows. Distinct days are counted by grouping twice, because a distinct count in an aggregate multiplies its rows.
    """
    together = interactions.repartition("user_id")
    items = pairs.groupBy("user_id").agg(F.count("*").alias("unique_items"))
    days = together.select("user_id", "event_date").distinct().groupBy("user_id").agg(F.count("*").alias("active_days"))
    summed = together.groupBy("user_id").agg(*_sum_columns((*list_counts(together), *OF_USER)))
    return summed.join(items, "user_id").join(days, "user_id").join(_collect_categories(together), "user_id", "left")


def _collect_categories(interactions: DataFrame) -> DataFrame:
    """Collect each user's known categories with the counts in each. No shuffle where a user's rows are together."""
    names = list_counts(interactions)
    by_category = interactions.where("category_id IS NOT NULL").groupBy("user_id", "category_id")
    entries = F.collect_list(F.struct("category_id", *names)).alias("categories")
    return by_category.agg(*(F.sum(name).alias(name) for name in names)).groupBy("user_id").agg(entries)


def item_sums(interactions: DataFrame, pairs: DataFrame) -> DataFrame:
    """Sum `daily_interactions` of some days, with the `pairs` of their users, to `item_sums` of these days.

    Two shuffles of sums by item.
    """
    users = pairs.groupBy("item_id").agg(F.sum("met").alias("unique_users"), F.sum("bought").alias("unique_purchasers"))
    summed = interactions.groupBy("item_id").agg(*_sum_columns((*list_counts(interactions), *OF_ITEM)))
    return _item_sums_table(interactions).conform(summed.join(users, "item_id"))


def add_item_sums(existing: DataFrame, new: DataFrame, new_rows: DataFrame) -> DataFrame:
    """Add `new` to the `existing` item sums.

    Shuffles only the items that occur in `new_rows`. The others stay as they are. `unique_users` of `new` counts only
    users who have not met the item before, so it can be added too:

        item_id  existing views, users  new views, users  views, users
              7                   4, 2              3, 1          7, 3
              8                   1, 1                 -          1, 1
              9                      -              2, 2          2, 2
    """
    together = with_keys_of(existing, new_rows, "item_id").unionByName(new).groupBy("item_id")
    summed = together.agg(*_sum_columns((*list_counts(new), *OF_ITEM, *MET_BY)))
    return _item_sums_table(new).conform(summed).unionByName(without_keys_of(existing, new_rows, "item_id"))


def list_counts(rows: DataFrame) -> list[str]:
    """Return the names of the columns that count the events of each type."""
    return [f"{name}{COUNT}" for name in list_counted_types(rows)]


def _item_sums_table(counted: DataFrame) -> Table:
    return add_type_counts(ITEM_SUMS, list_counted_types(counted))


def _sum_columns(names: Sequence[str]) -> list[Column]:
    """Return sums that keep their names, and the first and last time."""
    sums = {name: money(F.sum(hundredths(name))) if name.endswith("_sum") else F.sum(name) for name in names}
    seen = (F.min("first_seen").alias("first_seen"), F.max("last_seen").alias("last_seen"))
    return [*(total.alias(name) for name, total in sums.items()), *seen]
