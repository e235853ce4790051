"""An empty Spark session without this project: the fixed cost of any spark-submit."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("empty").getOrCreate()
spark.range(1).count()
spark.stop()
