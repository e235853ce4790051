"""The console output while the pipeline runs: one line per step, updated as it works, with notes and errors between."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import rich.console
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from rich.status import Status

from spark_jobs.observability import run_log

REFRESH_SECONDS = 0.5
FILE_WIDTH = 120


class Console:
    """Prints steps and notes on stdout, errors on stderr. Without a terminal, it prints only steps that have ended."""

    def __init__(self) -> None:
        self.out = rich.console.Console(highlight=False, soft_wrap=True)
        if not self.out.is_terminal:
            self.out.width = FILE_WIDTH

    def say(self, line: str) -> None:
        """Print a note between steps, and log it."""
        self.out.print(f"  {line}", markup=False)
        run_log.record_line(line)

    def error(self, line: str) -> None:
        """Print a sentence on stderr, and log it."""
        sys.stderr.write(line + "\n")
        run_log.LOGGER.error(line)

    @contextmanager
    def step(self, name: str, spark: SparkSession | None = None) -> Iterator[None]:
        """Show a step and Spark's finished tasks while it runs, and print its duration in seconds when it has ended."""
        begun = time.monotonic()
        done = threading.Event()
        with self.out.status(name) as status:
            watcher = threading.Thread(target=_update_status, args=(status, name, spark, begun, done), daemon=True)
            watcher.start()
            try:
                yield
            finally:
                done.set()
                watcher.join()
        self.out.print(f"{name:<24} {time.monotonic() - begun:7.1f} s")


def _update_status(status: Status, name: str, spark: SparkSession | None, begun: float, done: threading.Event) -> None:
    while not done.wait(REFRESH_SECONDS):
        text = f"{name}  {time.monotonic() - begun:.0f} s"
        if spark is not None:
            with suppress(Py4JError, OSError):  # the JVM has ended; the step reports that
                text += _describe_tasks(spark)
        status.update(text)


def _describe_tasks(spark: SparkSession) -> str:
    tracker = spark.sparkContext.statusTracker()
    stages = [info for id in tracker.getActiveStageIds() if (info := tracker.getStageInfo(id))]
    total = sum(stage.numTasks for stage in stages)
    return f"  {sum(stage.numCompletedTasks for stage in stages):,} of {total:,} tasks" if total else ""
