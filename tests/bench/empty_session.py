"""A session that starts, counts one row and stops: what every spark-submit costs before it does anything."""

from spark_jobs.session import spark_session

spark = spark_session("empty")
spark.range(1).count()
spark.stop()
