"""Concurrent execution of independent pieces of a step: one is planned while another keeps the cores busy."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.util import inheritable_thread_target

CANCEL_SECONDS = 0.2  # then cancel again: a task between two jobs has started the next one


def run_concurrently(spark: SparkSession, *tasks: Callable[[], Any]) -> list[Any]:
    """Run the tasks concurrently and return their results in the order of the tasks.

    If a task fails or an interrupt arrives, the Spark jobs of the other tasks are cancelled; other jobs of the session
    are not. The first error is raised once every task has ended.
    """
    tag, errors = f"at-once-{uuid.uuid4().hex}", []

    def with_tag(task: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            spark.sparkContext.addJobTag(tag)
            try:
                return task()
            except BaseException as error:
                errors.append(error)
                raise

        in_thread: Callable[[], Any] = inheritable_thread_target(spark)(run)
        return in_thread

    with ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(with_tag(task)) for task in tasks]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            _cancel_until_ended(spark, tag, running)
    if errors:
        raise errors[0]
    return [each.result() for each in running]


def _cancel_until_ended(spark: SparkSession, tag: str, running: Sequence[Future[Any]]) -> None:
    """Cancel the jobs of the tasks until every task has ended. After a success there is nothing to cancel."""
    while wait(running, timeout=0).not_done:
        with suppress(Py4JError, OSError):  # the JVM has ended, so each task ends with an error
            spark.sparkContext.cancelJobsWithTag(tag)
        wait(running, timeout=CANCEL_SECONDS)
