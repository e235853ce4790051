"""Repartitioning of the rows of some days, so that the rows of a user and an item on a day are in one partition."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROWS_OF_A_BUCKET = 200_000  # some 50 MB in memory


def repartition_by_bucket(rows: DataFrame, days: Sequence[datetime], count: int) -> DataFrame:
    """Add `bucket` to the rows of these `days`, about `count` altogether, and repartition by it. One shuffle.

    Each bucket has rows of one day; within a day, the user and the item decide the bucket. A day is then written to as
    few files as it has buckets. Grouping by `bucket` and more columns needs no other shuffle. A user or an item with
    very many rows does not make one bucket much larger than the others.
    """
    buckets = max(1, round(count / len(days) / ROWS_OF_A_BUCKET))
    day = F.datediff("event_date", F.lit(min(days).date()))
    bucket = (day * buckets + F.pmod(F.xxhash64("user_id", "item_id"), F.lit(buckets))).cast("int")
    return rows.withColumn("bucket", bucket).repartitionById(len(days) * buckets, "bucket")  # modulo: gaps do no harm
