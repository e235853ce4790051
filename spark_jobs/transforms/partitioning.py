"""Rows of some days brought together, so that what belongs to a user and an item on a day is in one place."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROWS_OF_A_BUCKET = 200_000  # some 50 MB in memory


def repartition_by_bucket(rows: DataFrame, days: Sequence[datetime], count: int) -> DataFrame:
    """Rows of these `days`, about `count` altogether, with `bucket`. One shuffle: to buckets of one day each, within a
    day by user and item.

    A day is then written to as few files as it has buckets. What groups by `bucket` and more needs no other shuffle;
    neither a user nor an item that is everywhere makes one bucket much larger than the others.
    """
    buckets = max(1, round(count / len(days) / ROWS_OF_A_BUCKET))
    day = F.datediff("event_date", F.lit(min(days).date()))
    bucket = (day * buckets + F.pmod(F.xxhash64("user_id", "item_id"), F.lit(buckets))).cast("int")
    return rows.withColumn("bucket", bucket).repartitionById(len(days) * buckets, "bucket")  # modulo: gaps do no harm
