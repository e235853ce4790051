"""`make run`, measured: `verdicts`, seconds of Great Expectations by suite.

Of each step in bytes: `read`, `shuffled` (written for shuffles) and `peak` (memory of all processes).
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from spark_jobs import pipeline, quality
from spark_jobs.command_line import guarded
from tests.bench.memory import Watch


def main() -> int:
    """Runs the pipeline as it is; adds what was measured to what it hands over."""
    judge, verdicts = quality.judge, {}

    def timed(suite, *arguments):
        begun = time.monotonic()
        verdict = judge(suite, *arguments)
        verdicts[suite.name] = verdicts.get(suite.name, 0) + time.monotonic() - begun
        return verdict

    quality.judge = timed
    found = {"read": {}, "shuffled": {}, "peak": {}}
    for job in pipeline.JOBS:
        job.run = _measured(job, found)
    code = pipeline.main()
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": verdicts} | found))
    return code


def _measured(job: ModuleType, found: dict[str, dict[str, Any]]) -> Callable:
    """The job's `run`, which notes what Spark's process read meanwhile (tables, shuffles, workers' answers), what was
    written for shuffles, and the most that all processes held."""
    run, step = job.run, job.__name__.rpartition(".")[2]

    def measured(ctx, window):
        process = psutil.Process(ctx.spark.sparkContext._gateway.proc.pid)
        read, shuffled = process.io_counters().read_chars, _shuffled(ctx)
        try:
            with Watch() as watch:
                return run(ctx, window)
        finally:
            found["read"][step] = process.io_counters().read_chars - read
            found["shuffled"][step] = _shuffled(ctx) - shuffled
            found["peak"][step] = watch.peak

    return measured


def _shuffled(ctx: Any) -> int:
    """Bytes that were written for shuffles so far."""
    context = ctx.spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    executors = context.statusStore().executorList(False)
    return sum(executors.apply(place).totalShuffleWrite() for place in range(executors.size()))


if __name__ == "__main__":
    sys.exit(guarded("pipeline", main))
