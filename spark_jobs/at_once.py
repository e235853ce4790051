"""Pieces of a step that do not need each other, at the same time: one is planned while another keeps the cores busy."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession
from pyspark.util import inheritable_thread_target


def at_once(spark: SparkSession, *tasks: Callable[[], Any]) -> list[Any]:
    """What each task returns, in their order.

    Raises the first error (an interrupt too) once no task goes on any more: what they still have running is cancelled.
    """
    with ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(inheritable_thread_target(spark)(task)) for task in tasks]
        try:
            return [each.result() for each in running]
        except BaseException:
            spark.sparkContext.cancelAllJobs()
            raise
