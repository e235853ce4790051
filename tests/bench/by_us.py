"""`make run`, measured: `verdicts`, seconds of Great Expectations by suite; `read`, the bytes that each step read."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil

from spark_jobs import pipeline, quality
from spark_jobs.command_line import guarded


def main() -> int:
    """Runs the pipeline as it is; adds `verdicts` and `read` to what it hands over."""
    judge, verdicts = quality.judge, {}

    def timed(suite, *arguments):
        begun = time.monotonic()
        verdict = judge(suite, *arguments)
        verdicts[suite.name] = verdicts.get(suite.name, 0) + time.monotonic() - begun
        return verdict

    quality.judge = timed
    read = {}
    for job in pipeline.JOBS:
        job.run = _counted(job, read)
    code = pipeline.main()
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": verdicts, "read": read}))
    return code


def _counted(job: ModuleType, read: dict[str, int]) -> Callable:
    """The job's `run`, which adds up what Spark's process read meanwhile: tables, shuffles, workers' answers."""
    run = job.run

    def counted(ctx, window):
        process = psutil.Process(ctx.spark.sparkContext._gateway.proc.pid)
        before = process.io_counters().read_chars
        try:
            return run(ctx, window)
        finally:
            read[job.__name__.rpartition(".")[2]] = process.io_counters().read_chars - before

    return counted


if __name__ == "__main__":
    sys.exit(guarded("pipeline", main))
