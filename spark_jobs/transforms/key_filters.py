"""Rows whose user or item has new rows, and the other rows. The keys of the new rows are sent to every executor."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def with_keys_of(existing: DataFrame, new_rows: DataFrame, key: str) -> DataFrame:
    """The existing rows whose key is among those of the new rows. Shuffles none of them."""
    return existing.join(_keys(new_rows, key), key, "left_semi")


def without_keys_of(existing: DataFrame, new_rows: DataFrame, key: str) -> DataFrame:
    """The other existing rows. Shuffles none of them."""
    return existing.join(_keys(new_rows, key), key, "left_anti")


def _keys(new_rows: DataFrame, key: str) -> DataFrame:
    return F.broadcast(new_rows.select(key).distinct())
