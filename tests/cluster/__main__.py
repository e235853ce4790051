"""`make cluster-check`: the pipeline in local mode, on a cluster, and on a cluster that loses an executor on the way.

Once between the commit of a task's COPY and its report, so that the task is repeated; once with its worker, in the
middle of a step.

A standalone master with two workers, each a process of its own; PostgreSQL is reached at an address. Prints what each
run took, and whether every table holds the same rows: exit code 1 where one does not.
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
from spark_jobs.settings import ROOT
from tests.arguments import within
from tests.cluster.faults import LostReport, LostWorker
from tests.cluster.standalone import HERE, Standalone
from tests.process import SUBMIT, places
from tests.torture.digests import digests
from tests.torture.server import Server

START, DAYS = datetime(2019, 10, 1), 7
LEAST_ROWS = 1_000  # some for each day
WORKERS, MEMORY = 2, "2g"


def main() -> int:
    """Run all of them and compare."""
    parser = argparse.ArgumentParser(prog="make cluster-check", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    within("ROWS", arguments.rows, LEAST_ROWS, MOST_ROWS)
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="pipeline-cluster-"))
    folder.chmod(0o755)
    try:
        return _check(folder, arguments.rows, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(folder: Path, rows: int, console: Console) -> int:
    raw = generate(Span(rows, DAYS * 24, START), folder / "raw")[0].parent
    server = Server(folder / "postgres")
    found = {}
    local = ["--master", f"local[{WORKERS}]"]
    found["local"] = _ran("local mode", folder / "local", raw, server, local, console)
    with Standalone(folder, WORKERS, MEMORY) as cluster:
        options = [*submitted(cluster.url, package(folder)), "--conf", f"spark.pyspark.python={cluster.python}"]
        found["cluster"] = _ran("a cluster of two", folder / "cluster", raw, server, options, console)
        fault = LostReport(folder, server, console)
        found["repeated"] = _ran(
            "a cluster that repeats a task", folder / "repeated", raw, server, options, console, fault
        )
        fault = LostWorker(cluster, console)
        found["loss"] = _ran("a cluster that loses a worker", folder / "loss", raw, server, options, console, fault)
    due = found["local"]
    different = [(name, table) for name, held in found.items() for table in due if held.get(table) != due[table]]
    for name, table in different:
        console.print(f"{name}, {table}: {found[name].get(table)}, in local mode {due[table]}", soft_wrap=True)
    equal = len(due) - len({table for _, table in different})
    console.print(f"{equal} of {len(due)} tables hold the same rows in all {len(found)} runs, PostgreSQL's among them")
    return 1 if different else 0


def submitted(master: str, code: Path) -> list[str]:
    """The options of spark-submit for a cluster, as in docs/cluster.md."""
    return [
        *("--master", master, "--py-files", str(code)),
        *("--conf", f"spark.driver.host={HERE}", "--conf", f"spark.executor.memory={MEMORY}"),
        *("--conf", "spark.executor.cores=1", "--conf", "spark.driver.memory=2g"),
    ]


def _ran(
    what: str,
    folder: Path,
    raw: Path,
    server: Server,
    options: list[str],
    console: Console,
    fault: LostReport | LostWorker | None = None,
) -> dict[str, Any]:
    """Runs the pipeline into `folder` and an empty database; what every table holds then."""
    folder.mkdir()
    server.reset(None)
    variables = {"DATABASE_URL": server.url, "PIPELINE_LOGS": str(folder / "logs"), "TERM": "dumb"}
    if fault:
        variables, options = variables | fault.variables, [*options, *fault.options]
    command = [SUBMIT, *options, ROOT / "spark_jobs" / "pipeline.py", "--input", raw, *places(folder)]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    line = ""
    for line in process.stdout:
        if fault:
            fault.seen(line, process)
    if process.wait():
        raise PipelineError(f"{what}: ended with {process.returncode}: {line.strip()}")
    if fault:
        fault.ended()
    console.print(f"{what}: {time.monotonic() - begun:.0f} s")
    spark = spark_session("cluster-check", **{"spark.master": f"local[{WORKERS}]"})
    try:
        return digests(spark, str(folder / "warehouse"), server.query)
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(run_guarded("cluster-check", main))
