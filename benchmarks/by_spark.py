"""The same steps as a first draft in PySpark: inferred types, no checks, Delta as the output.

Spark has its default settings, except for those that Delta needs and a heap as large as the pipeline's. Reads one CSV
file and prints one line of JSON with the seconds of each step.
"""

import json
import os
import sys
import time

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.resources import Processors

SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.driver.memory": "4g",
    "spark.sql.ansi.enabled": "false",
}
NAMES = {"event_time": "timestamp", "product_id": "item_id", "user_session": "session_id"}


def extract_events(spark: SparkSession, source: str, out: str) -> None:
    raw = spark.read.csv(source, header=True, inferSchema=True)
    for old, new in NAMES.items():
        raw = raw.withColumnRenamed(old, new)
    raw.withColumn("timestamp", F.to_timestamp(F.substring("timestamp", 1, 19))).write.format("delta").save(
        f"{out}/raw"
    )


def validate_data_quality(spark: SparkSession, source: str, out: str) -> None:
    raw = spark.read.format("delta").load(f"{out}/raw")
    good = (
        (F.col("user_id") > 0)
        & (F.col("item_id") > 0)
        & F.col("timestamp").isNotNull()
        & F.col("event_type").isin("view", "cart", "purchase", "rating")
        & (F.col("price").isNull() | (F.col("price") >= 0))
    )
    raw.where(good).write.format("delta").save(f"{out}/user_events")
    raw.where(~good).write.format("delta").save(f"{out}/rejected")


def remove_duplicates(spark: SparkSession, source: str, out: str) -> None:
    events = spark.read.format("delta").load(f"{out}/user_events")
    key = Window.partitionBy("user_id", "item_id", "event_type", F.date_trunc("minute", "timestamp"))
    order = [F.desc("timestamp"), F.desc("price"), *(F.asc(name) for name in ("session_id", "category_id", "brand"))]
    kept = events.withColumn("place", F.row_number().over(key.orderBy(*order))).where("place = 1").drop("place")
    kept.write.format("delta").save(f"{out}/deduped")


def handle_missing_values(spark: SparkSession, source: str, out: str) -> None:
    events = spark.read.format("delta").load(f"{out}/deduped").withColumn("day", F.to_date("timestamp"))
    known = events.where("price > 0")
    for level, by in (("item", ["day", "item_id"]), ("category", ["day", "category_id"]), ("day", ["day"])):
        median = known.groupBy(*by).agg(F.percentile("price", 0.5).alias(f"{level}_price"))
        events = events.join(median, by, "left")
    price = F.coalesce(F.nullif("price", F.lit(0)), "item_price", "category_price", "day_price")
    events.withColumn("price", price).write.format("delta").save(f"{out}/cleaned")


def create_user_item_matrix(spark: SparkSession, source: str, out: str) -> None:
    weight = F.when(F.col("event_type") == "purchase", 5.0).when(F.col("event_type") == "cart", 3.0).otherwise(1.0)
    cells = _read_cleaned(spark, out).groupBy("user_id", "item_id").agg(F.sum(weight).alias("score"))
    users, items = (
        cells.select(name).distinct().withColumn(f"{name}x", F.row_number().over(Window.orderBy(name)))
        for name in ("user_id", "item_id")
    )
    cells.join(users, "user_id").join(items, "item_id").write.format("delta").save(f"{out}/matrix")


def feature_engineering(spark: SparkSession, source: str, out: str) -> None:
    events = _read_cleaned(spark, out)
    for by, other in (("user_id", "item_id"), ("item_id", "user_id")):
        events.groupBy(by).agg(
            F.count("*").alias("total_events"),
            *(F.count_if(F.col("event_type") == name).alias(f"{name}_count") for name in ("view", "cart", "purchase")),
            F.count_distinct(other).alias("different"),
            F.count_distinct("day").alias("active_days"),
            F.avg("price").alias("avg_price"),
            F.sum(F.when(F.col("event_type") == "purchase", F.col("price"))).alias("spent"),
            F.mode("category_id").alias("preferred_category"),
            F.min("timestamp").alias("first_seen"),
            F.max("timestamp").alias("last_seen"),
        ).write.format("delta").save(f"{out}/features_{by}")


def _read_cleaned(spark: SparkSession, out: str) -> DataFrame:
    return spark.read.format("delta").load(f"{out}/cleaned")


def main(source: str, out: str) -> None:
    """Run every step; print the seconds of each and the core-seconds of all processes."""
    os.environ["SPARK_CONF_DIR"] = out  # not this project's
    builder = SparkSession.builder
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    seconds = {}
    steps = (extract_events, validate_data_quality, remove_duplicates, handle_missing_values)
    with Processors() as processors:
        spark = builder.getOrCreate()
        for step in (*steps, create_user_item_matrix, feature_engineering):
            begun = time.monotonic()
            step(spark, source, out)
            seconds[step.__name__] = time.monotonic() - begun
        used = processors.count()  # before the JVM ends
    spark.stop()
    sys.stdout.write(json.dumps({"seconds": seconds, "processors": used}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
