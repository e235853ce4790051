"""Dense numbers for ids: given once, never changed, never given again. No global window and no UDF."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def new_ids(interactions: DataFrame, index: DataFrame, name: str) -> DataFrame:
    """Ids that have no number yet: `name`, `first_day`, and `place` among the new ids of that day (from 0, by id)."""
    seen = interactions.groupBy(name).agg(F.min("event_date").alias("first_day"))
    fresh = seen.join(index.select(name), name, "left_anti")
    window = Window.partitionBy("first_day").orderBy(name).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return fresh.withColumn("place", F.row_number().over(window).cast("bigint") - 1)


def first_numbers(new_by_day: Mapping[date, int], first_free: int) -> dict[date, int]:
    """The number of each day's first new id, so that (first day, id) is the order of all new numbers."""
    result = {}
    for day in sorted(new_by_day):
        result[day] = first_free
        first_free += new_by_day[day]
    return result


def assign_numbers(fresh: DataFrame, starts: Mapping[date, int], name: str, number: str) -> DataFrame:
    """New ids with their numbers: the day's offset plus the place within the day."""
    pairs = [F.lit(value) for day, start in starts.items() for value in (day, start)]
    offset = F.create_map(*pairs)[F.col("first_day")] if pairs else F.lit(0)
    return fresh.select((offset + F.col("place")).cast("bigint").alias(number), name, "first_day")
