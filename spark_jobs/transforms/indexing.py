"""Dense numbers for ids: assigned once, never changed, never reused. No global window and no UDF."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def new_ids(interactions: DataFrame, index: DataFrame, name: str) -> DataFrame:
    """Return ids without a number: `name`, `first_day`, and `place` among the new ids of that day (from 0, by id).

    With user 20 in the index, and the users 30 and 10 on 1 October, 10 and 20 on 2 October, 5 on 3 October:

        user_id  first_day  place
             10  1 October      0
             30  1 October      1
              5  3 October      0
    """
    seen = interactions.groupBy(name).agg(F.min("event_date").alias("first_day"))
    fresh = seen.join(index.select(name), name, "left_anti")
    window = Window.partitionBy("first_day").orderBy(name).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return fresh.withColumn("place", F.row_number().over(window).cast("bigint") - 1)


def first_numbers(new_by_day: Mapping[date, int], first_free: int) -> dict[date, int]:
    """Return the number of each day's first new id, so that new numbers are ordered by (first day, id).

    Two new ids on 1 October and one on 3 October, with 7 as the first free number, give {1 October: 7, 3 October: 9}.
    """
    result = {}
    for day in sorted(new_by_day):
        result[day] = first_free
        first_free += new_by_day[day]
    return result


def assign_numbers(fresh: DataFrame, starts: Mapping[date, int], name: str, number: str) -> DataFrame:
    """Assign numbers to new ids: the day's offset plus the place within the day.

    With `starts` {1 October: 7, 2 October: 9}:

        first_day    id  place  number
        1 October    12      0       7
        1 October    50      1       8
        2 October     3      0       9
    """
    pairs = [F.lit(value) for day, start in starts.items() for value in (day, start)]
    offset = F.create_map(*pairs)[F.col("first_day")] if pairs else F.lit(0)
    return fresh.select((offset + F.col("place")).cast("bigint").alias(number), name, "first_day")
