"""`make run`, measured: `verdicts`, seconds of Great Expectations by suite; `built`, from its start to the end of the
last step.

Of each step in bytes: `read`, `shuffled` (written for shuffles) and `peak` (memory of all processes). In seconds of a
core, of which each second has as many as there are cores: `used` (by tasks in Spark's process), `compiler` (Java's own)
and `processors` (all that all processes used). Counts: `executions`, `jobs`, `tasks` and `commits`. `whole`: the counts
and the processors of all of the run, its start and its report too.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
from pyspark.sql import SparkSession

from benchmarks.resources import Watch, core_seconds
from spark_jobs import pipeline
from spark_jobs.command_line import run_guarded
from spark_jobs.flow import STEPS
from spark_jobs.validation import great_expectations
from tests import counting


def main() -> int:
    """Runs the pipeline as it is; adds what was measured to what it hands over."""
    judge, verdicts = great_expectations.judge, {}

    def timed(suite, *arguments):
        begun = time.monotonic()
        verdict = judge(suite, *arguments)
        verdicts[suite.name] = verdicts.get(suite.name, 0) + time.monotonic() - begun
        return verdict

    great_expectations.judge, before = timed, counting.commits(_warehouse())
    found = {name: {} for name in (*MEASURED, "peak")}
    for job in STEPS:
        module = import_module(job.module)
        module.run = _measured(module, found)
    code = pipeline.main()
    ctx = SimpleNamespace(spark=SparkSession.getActiveSession(), storage=SimpleNamespace(warehouse=_warehouse()))
    whole = {name: MEASURED[name](ctx) for name in WHOLE}
    whole["commits"] -= before
    found["whole"] = whole
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": verdicts} | found))
    return code


def _measured(job: ModuleType, found: dict[str, dict[str, Any]]) -> Callable:
    """The job's `run`, which notes what MEASURED tells of it, and the most that all processes held meanwhile."""
    run, step = job.run, job.__name__.rpartition(".")[2]

    def measured(ctx, window):
        before = {name: measure(ctx) for name, measure in MEASURED.items()}
        try:
            with Watch() as watch:
                return run(ctx, window)
        finally:
            for name, measure in MEASURED.items():
                found[name][step] = measure(ctx) - before[name]
            found["peak"][step] = watch.peak
            found["built"] = time.time() - psutil.Process().create_time()

    return measured


def _read(ctx: Any) -> int:
    """Bytes that Spark's process has read: tables, shuffles, workers' answers."""
    return _jvm(ctx).io_counters().read_chars


def _processors(ctx: Any) -> float:
    """Seconds that the processors worked for Spark's process, its workers and this one."""
    return core_seconds([psutil.Process(), _jvm(ctx), *_jvm(ctx).children(recursive=True)])


def _compiler(ctx: Any) -> float:
    return ctx.spark._jvm.java.lang.management.ManagementFactory.getCompilationMXBean().getTotalCompilationTime() / 1e3


def _warehouse() -> str:
    """Where the command line puts it."""
    (name,) = (each for each in sys.argv if each.startswith("paths.warehouse="))
    return name.partition("=")[2].strip("'")


def _used(ctx: Any) -> float:
    source = ctx.spark._jvm.org.apache.spark.SparkEnv.get().metricsSystem().getSourcesByName("executor").head()
    return source.METRIC_CPU_TIME().getCount() / 1e9


def _shuffled(ctx: Any) -> int:
    """Bytes that were written for shuffles so far."""
    context = ctx.spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    executors = context.statusStore().executorList(False)
    return sum(executors.apply(place).totalShuffleWrite() for place in range(executors.size()))


def _jvm(ctx: Any) -> psutil.Process:
    return psutil.Process(ctx.spark.sparkContext._gateway.proc.pid)


MEASURED = {
    "read": _read,
    "shuffled": _shuffled,
    "used": _used,
    "compiler": _compiler,
    "processors": _processors,
    "executions": lambda ctx: counting.executions(ctx.spark),
    "jobs": lambda ctx: counting.jobs(ctx.spark),
    "tasks": lambda ctx: counting.tasks(ctx.spark),
    "commits": lambda ctx: counting.commits(ctx.storage.warehouse),
}
WHOLE = ("processors", "executions", "jobs", "tasks", "commits")

if __name__ == "__main__":
    sys.exit(run_guarded("pipeline", main))
