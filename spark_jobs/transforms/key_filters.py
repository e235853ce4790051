"""Filters of rows by whether their user or item has new rows. The keys of the new rows are broadcast."""

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
