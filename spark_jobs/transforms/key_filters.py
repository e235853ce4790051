"""Filters of rows by whether their user or item has new rows. The keys of the new rows are broadcast.

With `key` user_id, and new rows of user 2 only:

    existing user_id  item_id
                   1        7  without_keys_of
                   2        7  with_keys_of
                   2        8  with_keys_of
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def with_keys_of(existing: DataFrame, new_rows: DataFrame, key: str) -> DataFrame:
    """Return the existing rows whose key occurs in the new rows. Shuffles no existing row."""
    return existing.join(_broadcast_keys(new_rows, key), key, "left_semi")


def without_keys_of(existing: DataFrame, new_rows: DataFrame, key: str) -> DataFrame:
    """Return the existing rows whose key does not occur in the new rows. Shuffles no existing row."""
    return existing.join(_broadcast_keys(new_rows, key), key, "left_anti")


def _broadcast_keys(new_rows: DataFrame, key: str) -> DataFrame:
    return F.broadcast(new_rows.select(key).distinct())
