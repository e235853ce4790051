"""A session of Spark as it comes, without this project: what any spark-submit costs before it does anything."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("empty").getOrCreate()
spark.range(1).count()
spark.stop()
