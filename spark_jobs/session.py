"""The only place that builds a SparkSession. What a cluster may change stands in conf/spark-defaults.conf."""

import os
import time
from datetime import UTC, datetime

from pyspark.sql import SparkSession

# What the rules need in order to be right; speed and size are set in conf/spark-defaults.conf.
REQUIRED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.replaceWhere.constraintCheck.enabled": "false",
}


def spark_session(name: str, **options: str) -> SparkSession:
    """The session of a job; `options` override conf/spark-defaults.conf (tests do).

    The process runs in UTC from here on, so that Python and Spark mean the same by a datetime without a zone.
    """
    os.environ["TZ"] = "UTC"
    time.tzset()
    builder = SparkSession.builder.appName(name)
    for key, value in (REQUIRED | options).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def now() -> datetime:
    """The present in UTC, naive, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)
