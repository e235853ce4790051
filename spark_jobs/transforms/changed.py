"""Snapshots made anew for those users only whose events changed: what is known of one user rests on that user alone."""

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def grown(standing: DataFrame, interactions: DataFrame, days: str, make: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """`standing` with the rows of users who have an event in `days` (SQL) replaced by `make` of all their events.

    Shuffles no standing row: the users of a few days are sent to every executor, a number each.
    """
    users = F.broadcast(interactions.where(days).select("user_id").distinct())
    kept = standing.join(users, "user_id", "left_anti")
    return make(interactions.join(users, "user_id", "left_semi")).unionByName(kept, allowMissingColumns=True)
