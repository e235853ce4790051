"""What Spark has been asked so far: executions of SQL that no other one began, jobs, tasks, commits."""

from pathlib import Path

from pyspark.sql import SparkSession


def executions(spark: SparkSession) -> int:
    """Executions that no other execution began."""
    _wait(spark)
    found = spark._jsparkSession.sharedState().statusStore().executionsList()
    return sum(each.executionId() == each.rootExecutionId() for each in map(found.apply, range(found.size())))


def jobs(spark: SparkSession) -> int:
    """Jobs, those of executions too."""
    return spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs()


def tasks(spark: SparkSession) -> int:
    """Tasks that have ended."""
    _wait(spark)
    found = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(found.apply(place).totalTasks() for place in range(found.size()))


def commits(warehouse: str | Path) -> int:
    """Entries in the logs of all tables."""
    return sum(1 for _ in Path(warehouse).glob("*/_delta_log/*.json"))


def _wait(spark: SparkSession) -> None:
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
