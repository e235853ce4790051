"""Pieces of a step at the same time: all of them or an error, and then nothing that goes on."""

import threading

import pytest

from spark_jobs.coordination.concurrency import run_concurrently

ENDLESS = 10**15  # rows; added up for days


def test_what_tasks_return_comes_in_their_order_and_they_run_side_by_side(spark):
    met = threading.Barrier(2, timeout=60)  # passes only where both are under way

    def counted(rows: int) -> int:
        met.wait()
        return spark.range(rows).count()

    assert run_concurrently(spark, lambda: counted(3), lambda: counted(5)) == [3, 5]


def test_the_first_error_is_raised_when_the_other_tasks_have_ended(spark):
    tracker, ended = spark.sparkContext.statusTracker(), []

    def endless() -> None:
        try:
            spark.range(ENDLESS).selectExpr("sum(id % 7)").collect()
        finally:
            ended.append(True)

    def refused() -> None:
        while not tracker.getActiveJobsIds():
            pass
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        run_concurrently(spark, refused, endless)
    assert ended
    assert not tracker.getActiveJobsIds()


def test_jobs_of_others_in_the_same_session_go_on(spark):
    tracker, begun, found = spark.sparkContext.statusTracker(), threading.Event(), []

    def slow() -> None:
        begun.set()
        found.append(spark.range(3 * 10**7, numPartitions=1).selectExpr("sum(id % 7)").first()[0])

    other = threading.Thread(target=slow)
    other.start()
    begun.wait()
    while not tracker.getActiveJobsIds():
        pass
    with pytest.raises(ValueError, match="refused"):
        run_concurrently(
            spark, lambda: refuse("refused"), lambda: spark.range(ENDLESS).selectExpr("sum(id % 7)").collect()
        )
    other.join()
    assert len(found) == 1


def refuse(text: str) -> None:
    raise ValueError(text)


def test_the_first_error_in_time_is_raised_and_a_task_between_two_jobs_is_stopped_at_the_next(spark):
    failed = threading.Event()

    def first() -> None:
        failed.set()
        refuse("first in time")

    def later() -> None:
        failed.wait()
        while True:
            spark.range(10).count()

    with pytest.raises(ValueError, match="first in time"):
        run_concurrently(spark, later, first)
