"""Snapshots made anew for those users only whose events changed: what is known of one user rests on that user alone."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def users_of(interactions: DataFrame) -> DataFrame:
    """The users of some days, once each, to be sent to every executor: a number for each user of a few days."""
    return F.broadcast(interactions.select("user_id").distinct())


def anew(standing: DataFrame, users: DataFrame, fresh: DataFrame) -> DataFrame:
    """`standing` with the rows of `users` replaced by `fresh`. Shuffles no standing row."""
    kept = standing.join(users, "user_id", "left_anti")
    return fresh.unionByName(kept, allowMissingColumns=True)
