"""The latest known attributes of each item on a day: for each attribute, the value of the latest event that has one."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_jobs.transforms.dedupe import TIE_BREAKERS
from spark_jobs.transforms.parse import any_of

KEY = ("item_id", "event_date")


def find_latest_known(events: DataFrame, names: Sequence[str]) -> DataFrame:
    """Return `item_id`, `event_date` and `names`, chosen by the order of `dedupe.latest_first`.

    An item has few different values in a day, so events are first grouped by their values, comparing only times. The
    whole order is used only for items that have different values at their latest time. No shuffle of events; one
    shuffle of the groups, one by item and day. These events of one item and day give phones, acme:

        timestamp  category_code  brand
        11:00      tablets        acme
        12:00      phones         null
    """
    values = events.groupBy(*KEY, *names).agg(F.max("timestamp").alias("said_at"))
    by_item = Window.partitionBy(*KEY)
    last = {name: F.max(F.when(F.col(name).isNotNull(), F.col("said_at"))).over(by_item) for name in names}
    at_last = values.select(*KEY, *(F.when(F.col("said_at") == last[name], F.col(name)).alias(name) for name in names))
    tied = any_of(F.min(name) != F.max(name) for name in names)
    found = at_last.groupBy(*KEY).agg(*(F.min(name).alias(name) for name in names), tied.alias("tied"))
    undecided = F.broadcast(found.where("tied").select(*(F.col(name).alias(f"_{name}") for name in KEY)))
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in KEY]  # `=` would filter nulls: another plan
    by_order = events.join(undecided, same, "left_semi").groupBy(*KEY)
    decided = by_order.agg(*(_take_first(name).alias(name) for name in names))
    return found.where("NOT tied").drop("tied").unionByName(decided)


def _take_first(name: str) -> Column:
    """Return the aggregate for the value of `name` in the first event that has one."""
    return F.min_by(F.col(name), F.when(F.col(name).isNotNull(), _build_order()))


def _build_order() -> Column:
    """Return `dedupe.latest_first` as one ascending value: times and prices negated, a flag first to put nulls last."""
    nulls_last = (part for tie in TIE_BREAKERS for part in (F.col(tie).isNull(), F.col(tie)))
    return F.struct(-F.unix_micros("timestamp"), F.col("price").isNull(), -F.col("price"), *nulls_last)
