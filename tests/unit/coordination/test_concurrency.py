"""Concurrent tasks of a step: either all of them return, or an error is raised and no task keeps running."""

import threading

import pytest

from spark_jobs.coordination.concurrency import run_concurrently

ENDLESS = 10**15  # rows; adding them up takes days


def test_tasks_run_concurrently_and_their_results_keep_the_order_of_the_tasks(spark):
    both_running = threading.Barrier(2, timeout=60)  # passes only if both tasks are running

    def count_rows(rows: int) -> int:
        both_running.wait()
        return spark.range(rows).count()

    assert run_concurrently(spark, lambda: count_rows(3), lambda: count_rows(5)) == [3, 5]


def test_the_first_error_is_raised_after_the_other_tasks_have_ended(spark):
    tracker, ended = spark.sparkContext.statusTracker(), []

    def run_endlessly() -> None:
        try:
            spark.range(ENDLESS).selectExpr("sum(id % 7)").collect()
        finally:
            ended.append(True)

    def fail_once_a_job_runs() -> None:
        while not tracker.getActiveJobsIds():
            pass
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        run_concurrently(spark, fail_once_a_job_runs, run_endlessly)
    assert ended
    assert not tracker.getActiveJobsIds()


def test_jobs_of_other_threads_in_the_same_session_keep_running(spark):
    tracker, started, found = spark.sparkContext.statusTracker(), threading.Event(), []

    def run_slowly() -> None:
        started.set()
        found.append(spark.range(3 * 10**7, numPartitions=1).selectExpr("sum(id % 7)").first()[0])

    other = threading.Thread(target=run_slowly)
    other.start()
    started.wait()
    while not tracker.getActiveJobsIds():
        pass
    with pytest.raises(ValueError, match="refused"):
        run_concurrently(
            spark, lambda: fail("refused"), lambda: spark.range(ENDLESS).selectExpr("sum(id % 7)").collect()
        )
    other.join()
    assert len(found) == 1


def fail(text: str) -> None:
    raise ValueError(text)


def test_the_earliest_error_is_raised_and_a_task_between_two_jobs_is_stopped_at_its_next_job(spark):
    failed = threading.Event()

    def fail_at_once() -> None:
        failed.set()
        fail("first in time")

    def run_jobs_after_the_failure() -> None:
        failed.wait()
        while True:
            spark.range(10).count()

    with pytest.raises(ValueError, match="first in time"):
        run_concurrently(spark, run_jobs_after_the_failure, fail_at_once)
