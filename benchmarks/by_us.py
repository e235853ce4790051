"""`make run` with measurements, which are added to the summary.

`verdicts`: seconds of Great Expectations by suite. `built`: seconds from the start to the end of the last step.
For each step in bytes: `read`, `shuffled` (written for shuffles) and `peak` (memory of all processes).
For each step in core-seconds: `used` (tasks in Spark's process), `compiler` (Java's JIT compiler) and `processors` (all
processes). For each step as counts: `executions`, `jobs`, `tasks` and `commits`.
`whole`: the counts and `processors` of the whole run, including its start and its report.
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

from benchmarks.resources import Processors, Watch
from spark_jobs.cli import runs  # noqa: F401  # it adds the command `run`
from spark_jobs.cli.application import app
from spark_jobs.command_line import run_guarded
from spark_jobs.flow import STEPS
from spark_jobs.validation import great_expectations
from tests import counting


def main() -> int:
    """Run the unchanged pipeline and add the measurements to its summary."""
    judge, verdicts = great_expectations.judge, {}

    def judge_and_time(suite, *arguments):
        start = time.monotonic()
        verdict = judge(suite, *arguments)
        verdicts[suite.name] = verdicts.get(suite.name, 0) + time.monotonic() - start
        return verdict

    great_expectations.judge, before = judge_and_time, counting.count_commits(_warehouse_path())
    found = {name: {} for name in (*METRICS, "peak")}
    for job in STEPS:
        module = import_module(job.module)
        module.run = _wrap_run(module, found)
    warehouse = SimpleNamespace(warehouse=_warehouse_path())
    with PROCESSORS:
        code = app(["run", *sys.argv[1:]], standalone_mode=False)
        ctx = SimpleNamespace(spark=SparkSession.getActiveSession(), storage=warehouse)
        whole = {name: METRICS[name](ctx) for name in WHOLE}
    whole["commits"] -= before
    found["whole"] = whole
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": verdicts} | found))
    return code


def _wrap_run(job: ModuleType, found: dict[str, dict[str, Any]]) -> Callable:
    """Wrap the job's `run`: record each of METRICS and the peak memory of all processes."""
    run, step = job.run, job.__name__.rpartition(".")[2]

    def run_and_measure(ctx, window):
        before = {name: measure(ctx) for name, measure in METRICS.items()}
        try:
            with Watch() as watch:
                return run(ctx, window)
        finally:
            for name, measure in METRICS.items():
                found[name][step] = measure(ctx) - before[name]
            found["peak"][step] = watch.peak
            found["built"] = time.time() - psutil.Process().create_time()

    return run_and_measure


def _bytes_read(ctx: Any) -> int:
    """Return the bytes that Spark's process has read: tables, shuffles, answers of the workers."""
    return _jvm_process(ctx).io_counters().read_chars


def _compiler_seconds(ctx: Any) -> float:
    return ctx.spark._jvm.java.lang.management.ManagementFactory.getCompilationMXBean().getTotalCompilationTime() / 1e3


def _warehouse_path() -> str:
    """Return the path of the warehouse on the command line."""
    (name,) = (each for each in sys.argv if each.startswith("paths.warehouse="))
    return name.partition("=")[2].strip("'")


def _task_seconds(ctx: Any) -> float:
    source = ctx.spark._jvm.org.apache.spark.SparkEnv.get().metricsSystem().getSourcesByName("executor").head()
    return source.METRIC_CPU_TIME().getCount() / 1e9


def _bytes_shuffled(ctx: Any) -> int:
    """Return the bytes that were written for shuffles so far."""
    context = ctx.spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    executors = context.statusStore().executorList(False)
    return sum(executors.apply(position).totalShuffleWrite() for position in range(executors.size()))


def _jvm_process(ctx: Any) -> psutil.Process:
    return psutil.Process(ctx.spark.sparkContext._gateway.proc.pid)


PROCESSORS = Processors()
METRICS = {
    "read": _bytes_read,
    "shuffled": _bytes_shuffled,
    "used": _task_seconds,
    "compiler": _compiler_seconds,
    "processors": lambda _: PROCESSORS.count(),
    "executions": lambda ctx: counting.count_executions(ctx.spark),
    "jobs": lambda ctx: counting.count_jobs(ctx.spark),
    "tasks": lambda ctx: counting.count_tasks(ctx.spark),
    "commits": lambda ctx: counting.count_commits(ctx.storage.warehouse),
}
WHOLE = ("processors", "executions", "jobs", "tasks", "commits")

if __name__ == "__main__":
    sys.exit(run_guarded("pipeline", main))
