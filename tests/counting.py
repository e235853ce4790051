"""Count what Spark has done so far: top-level SQL executions, jobs, tasks and commits."""

from pathlib import Path

from pyspark.sql import SparkSession


def count_executions(spark: SparkSession) -> int:
    """Count the SQL executions that no other execution started."""
    _wait(spark)
    found = spark._jsparkSession.sharedState().statusStore().executionsList()
    return sum(each.executionId() == each.rootExecutionId() for each in map(found.apply, range(found.size())))


def count_jobs(spark: SparkSession) -> int:
    """Count the jobs, including those of SQL executions."""
    return spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs()


def count_tasks(spark: SparkSession) -> int:
    """Count the tasks that have ended."""
    _wait(spark)
    found = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(found.apply(place).totalTasks() for place in range(found.size()))


def count_commits(warehouse: str | Path) -> int:
    """Count the entries in the logs of all tables."""
    return sum(1 for _ in Path(warehouse).glob("*/_delta_log/*.json"))


def _wait(spark: SparkSession) -> None:
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
