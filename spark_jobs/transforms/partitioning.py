"""Rows of some days brought together, so that what belongs to a user and an item on a day is in one place."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROWS_OF_A_PART = 200_000  # some 50 MB in memory


def repartition_by_bucket(rows: DataFrame, days: Sequence[datetime], count: int) -> DataFrame:
    """Rows of these `days`, about `count` altogether, with `part`. One shuffle: to parts of one day each, and within a
    day by user and item.

    A day is then written to as few files as it has parts. What groups by `part` and more needs no other shuffle;
    neither a user nor an item that is everywhere makes one part much larger than the others.
    """
    parts = max(1, round(count / len(days) / ROWS_OF_A_PART))
    day = F.datediff("event_date", F.lit(min(days).date()))
    part = (day * parts + F.pmod(F.xxhash64("user_id", "item_id"), F.lit(parts))).cast("int")
    return rows.withColumn("part", part).repartitionById(len(days) * parts, "part")  # modulo: gaps do no harm
