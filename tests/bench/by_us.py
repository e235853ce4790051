"""`make run`, measured: `verdicts`, seconds of Great Expectations by suite; `read`, the bytes that each step read."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from spark_jobs import pipeline, quality
from spark_jobs.command_line import guarded
from spark_jobs.jobs import extract_events

JOBS = (extract_events, *pipeline.HOURLY, *pipeline.DAILY)


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
    for job in JOBS:
        job.run = _counted(job, read)
    code = pipeline.main()
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": verdicts, "read": read}))
    return code


def _counted(job: ModuleType, read: dict[str, int]) -> Callable:
    """The job's `run`, which adds up what Spark's processes read from the warehouse's files meanwhile; CSV apart,
    which Python's workers read."""
    run = job.run

    def counted(ctx, window):
        statistics = ctx.spark._jvm.org.apache.hadoop.fs.FileSystem.getGlobalStorageStatistics()

        def total() -> int:
            local = statistics.get("file")
            return local.getLong("bytesRead") if local else 0

        before = total()
        try:
            return run(ctx, window)
        finally:
            read[job.__name__.rpartition(".")[2]] = total() - before

    return counted


if __name__ == "__main__":
    sys.exit(guarded("pipeline", main))
