"""The latest known attributes of each item, for PostgreSQL's `items`."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.transforms.latest_attributes import find_latest_known


def find_latest_of_items(events: DataFrame) -> DataFrame:
    """Return for each item and day the category and brand (latest known) and the price.

    The price is the latest above 0, else 0, else null. These events of one item and day give acme, 10.00:

        timestamp  brand  price
        11:00      acme   10.00
        12:00      null    0.00
        13:00      null    null
    """
    above = events.withColumn("above", F.when(F.col("price") > 0, F.col("price")))
    known = find_latest_known(above, ("category_code", "brand", "above", "price"))
    price = F.coalesce("above", "price").alias("price")
    return known.select("item_id", "event_date", F.col("category_code").alias("category"), "brand", price)


def format_for_copy(events: DataFrame) -> DataFrame:
    """Format the timestamp for COPY: UTC, to the microsecond, without a zone."""
    return events.withColumn("timestamp", F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss.SSSSSS"))
