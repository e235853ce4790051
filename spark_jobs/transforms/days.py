"""What each day rests on: the states of its hours, and whether its builds still match them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

HOURS_A_DAY = 24
LAST_DAILY_STEP = "handle_missing_values"


def day_inputs(hours: DataFrame) -> DataFrame:
    """`hour_status` to one row for each day with committed content: day, valid_rows, input_digest.

    A stopped hour counts with the content that stands from before, so that the digest is what user_events holds.
    """
    held = hours.where("hour IS NOT NULL AND valid_rows > 0")
    entry = F.concat_ws("=", "unit", "content_digest")
    return held.groupBy(F.to_date("hour").alias("day")).agg(
        F.sum("valid_rows").alias("valid_rows"),
        F.sha2(F.concat_ws(",", F.sort_array(F.collect_list(entry))), 256).alias("input_digest"),
    )


def day_status(states: DataFrame, builds: DataFrame) -> DataFrame:
    """Units (`hours.with_status`) and `day_builds` to `day_status`: one row for each day with a landed or judged hour.

    An hour counts as loaded only while PostgreSQL has what landed; the day is dirty when an hour is, or when
    cleaned_events was built from other content.
    """
    dated = states.where("hour IS NOT NULL").withColumn("day", F.to_date("hour"))
    settled = ~F.col("dirty")
    loaded, empty = settled & (F.col("status") == "loaded"), settled & (F.col("status") == "empty")
    counted = dated.groupBy("day").agg(
        F.count_if(loaded).cast("int").alias("hours_loaded"),
        F.count_if(empty).cast("int").alias("hours_empty"),
        F.count_if(F.col("status") == "stopped").cast("int").alias("hours_stopped"),
        F.count_if(F.col("dirty")).alias("dirty_hours"),
    )
    inputs = day_inputs(dated)
    last = builds.where((F.col("step") == LAST_DAILY_STEP) & (F.col("status") == "built"))
    return (
        counted.join(inputs, "day", "left")
        .join(last.select("day", F.col("counts")["source"].alias("built_from")), "day", "left")
        .withColumn("hours_missing", F.lit(HOURS_A_DAY) - F.col("hours_loaded") - F.col("hours_empty"))
        .withColumn("complete", F.col("hours_missing") == 0)
        .withColumn("built", F.col("built_from").isNotNull())
        .withColumn(
            "dirty",
            F.col("built")
            & ((F.col("dirty_hours") > 0) | ~F.coalesce("input_digest", F.lit("")).eqNullSafe(F.col("built_from"))),
        )
    )
