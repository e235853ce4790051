"""Pieces of a step that do not need each other, at the same time: one is planned while another keeps the cores busy."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.util import inheritable_thread_target

CANCEL_SECONDS = 0.2  # a task that was between two jobs begins the next one: it is cancelled then


def run_concurrently(spark: SparkSession, *tasks: Callable[[], Any]) -> list[Any]:
    """What each task returns, in their order.

    Where one fails, or an interrupt comes, the Spark jobs of the others are cancelled, and no others of the session.
    Raises the first error in time once every task has ended.
    """
    tag, errors = f"at-once-{uuid.uuid4().hex}", []

    def tagged(task: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            spark.sparkContext.addJobTag(tag)
            try:
                return task()
            except BaseException as error:
                errors.append(error)
                raise

        return inheritable_thread_target(spark)(run)

    with ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(tagged(task)) for task in tasks]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            _end(spark, tag, running)
    if errors:
        raise errors[0]
    return [each.result() for each in running]


def _end(spark: SparkSession, tag: str, running: Sequence[Future]) -> None:
    """Cancel what still has jobs, until every task has ended. After a success none has."""
    while wait(running, timeout=0).not_done:
        with suppress(Py4JError, OSError):  # the JVM has ended: so do the tasks, each with an error
            spark.sparkContext.cancelJobsWithTag(tag)
        wait(running, timeout=CANCEL_SECONDS)
