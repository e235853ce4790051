"""`make cluster-check`: run the pipeline in local mode, on a cluster, and twice on a cluster that loses an executor.

The first loss happens between the commit of a task's COPY and its report, so that Spark repeats the task. The second
loss happens in the middle of a step and takes the worker with it.

The cluster is a standalone master with two workers, each a separate process; PostgreSQL is reached at an address.
Prints the seconds of each run and whether every table contains the same rows. Exit code 1 if one does not.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from spark_jobs.command_line import run_guarded
from spark_jobs.commands.package import package
from spark_jobs.errors import PipelineError
from spark_jobs.sample.generate import MOST_ROWS, Span, generate
from spark_jobs.session import spark_session
from tests.arguments import require_in_range
from tests.cluster.faults import LostReport, LostWorker
from tests.cluster.standalone import HERE, Standalone
from tests.process import SUBMIT, path_options
from tests.project import ROOT
from tests.torture.digests import digests
from tests.torture.server import Server

START, DAYS = datetime(2019, 10, 1), 7
LEAST_ROWS = 1_000  # enough for each day to have some
WORKERS, MEMORY = 2, "2g"


def main() -> int:
    """Run the pipeline in every way and compare the tables."""
    parser = argparse.ArgumentParser(prog="make cluster-check", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    require_in_range("ROWS", arguments.rows, LEAST_ROWS, MOST_ROWS)
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="pipeline-cluster-"))
    folder.chmod(0o755)
    try:
        return _run_all(folder, arguments.rows, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_all(folder: Path, rows: int, console: Console) -> int:
    raw = generate(Span(rows, DAYS * 24, START), folder / "raw")[0].parent
    server = Server(folder / "postgres")
    found = {}
    local = ["--master", f"local[{WORKERS}]"]
    found["local"] = _run_pipeline("local mode", folder / "local", raw, server, local, console)
    with Standalone(folder, WORKERS, MEMORY) as cluster:
        options = [
            *build_submit_options(cluster.url, package(folder)),
            "--conf",
            f"spark.pyspark.python={cluster.python}",
        ]
        found["cluster"] = _run_pipeline("a cluster of two", folder / "cluster", raw, server, options, console)
        fault = LostReport(folder, server, console)
        found["repeated"] = _run_pipeline(
            "a cluster that repeats a task", folder / "repeated", raw, server, options, console, fault
        )
        fault = LostWorker(cluster, console)
        found["loss"] = _run_pipeline(
            "a cluster that loses a worker", folder / "loss", raw, server, options, console, fault
        )
    expected = found["local"]
    different = [
        (name, table)
        for name, digests_of_run in found.items()
        for table in expected
        if digests_of_run.get(table) != expected[table]
    ]
    for name, table in different:
        console.print(f"{name}, {table}: {found[name].get(table)}, in local mode {expected[table]}", soft_wrap=True)
    equal = len(expected) - len({table for _, table in different})
    console.print(
        f"{equal} of {len(expected)} tables hold the same rows in all {len(found)} runs, PostgreSQL's among them"
    )
    return 1 if different else 0


def build_submit_options(master: str, code: Path) -> list[str]:
    """Return the options of spark-submit for a cluster, as in docs/how-to/cluster.md."""
    return [
        *("--master", master, "--py-files", str(code)),
        *("--conf", f"spark.driver.host={HERE}", "--conf", f"spark.executor.memory={MEMORY}"),
        *("--conf", "spark.executor.cores=1", "--conf", "spark.driver.memory=2g"),
    ]


def _run_pipeline(
    title: str,
    folder: Path,
    raw: Path,
    server: Server,
    options: list[str],
    console: Console,
    fault: LostReport | LostWorker | None = None,
) -> dict[str, Any]:
    """Run the pipeline into `folder` and an empty database; return the digests of every table."""
    folder.mkdir()
    server.reset(None)
    variables = {"DATABASE_URL": server.url, "PIPELINE_LOGS": str(folder / "logs"), "TERM": "dumb"}
    if fault:
        variables, options = variables | fault.variables, [*options, *fault.options]
    command = [SUBMIT, *options, ROOT / "spark_jobs" / "pipeline.py", "--input", raw, *path_options(folder)]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    line = ""
    for line in process.stdout:
        if fault:
            fault.handle_line(line, process)
    if process.wait():
        raise PipelineError(f"{title}: ended with {process.returncode}: {line.strip()}")
    if fault:
        fault.check_after_run()
    console.print(f"{title}: {time.monotonic() - begun:.0f} s")
    spark = spark_session("cluster-check", **{"spark.master": f"local[{WORKERS}]"})
    try:
        return digests(spark, str(folder / "warehouse"), server.query)
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(run_guarded("cluster-check", main))
