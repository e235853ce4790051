"""A job's run, with what it wrote and warned of. The figures come from Delta's logs and cost no query."""

import time
from dataclasses import replace

from spark_jobs.context import Context, Summary
from spark_jobs.flow import Job
from spark_jobs.observability import run_log
from spark_jobs.observability.metrics import Usage
from spark_jobs.windows import Window


def run_measured(ctx: Context, job: Job, window: Window | None) -> tuple[Summary, Usage]:
    """Run a job over the window, and log its begin and its end. Return its summary, and what it used."""
    begun, warnings = time.monotonic(), 0

    def say(line: str) -> None:
        nonlocal warnings
        warnings += line.startswith(run_log.WARNING)
        ctx.say(line)

    with run_log.about(job.name, window):
        run_log.LOGGER.info("step begins")
        before = {table.name: ctx.storage.version(table) for table in job.writes}
        summary = replace(ctx, say=say).run(job, window)
        usage = Usage(_measure_written_bytes(ctx, job, before), warnings, _measure_tables(ctx, job))
        figures = {"written_bytes": usage.written_bytes, "warnings": warnings, "summary": summary}
        run_log.LOGGER.info("step done", extra=run_log.facts(seconds=round(time.monotonic() - begun, 3), **figures))
    return summary, usage


def _measure_written_bytes(ctx: Context, job: Job, before: dict[str, int]) -> int:
    """Return the bytes of the data files that the job's tables got in the commits after these versions."""
    return sum(
        ctx.storage.log(table).added_bytes(version)
        for table in job.writes
        for version in range(before[table.name] + 1, ctx.storage.version(table) + 1)
    )


def _measure_tables(ctx: Context, job: Job) -> dict[str, tuple[int, int]]:
    """Return the number of data files and their bytes of each table that the job writes, where they are known."""
    sizes = {table.name: ctx.storage.log(table).known_size() for table in job.writes}
    return {name: size for name, size in sizes.items() if size is not None}
