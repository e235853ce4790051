"""Rows by whether their user or item came in some days. What came is sent to every executor, a number each."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def of_those(standing: DataFrame, came: DataFrame, key: str) -> DataFrame:
    """The rows of `standing` whose key is among those of `came`. Shuffles none of them."""
    return standing.join(_keys(came, key), key, "left_semi")


def of_others(standing: DataFrame, came: DataFrame, key: str) -> DataFrame:
    """The other rows of `standing`. Shuffles none of them."""
    return standing.join(_keys(came, key), key, "left_anti")


def _keys(came: DataFrame, key: str) -> DataFrame:
    return F.broadcast(came.select(key).distinct())
