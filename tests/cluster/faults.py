"""Faults of the cluster during a run: an executor is lost at a named moment."""

import subprocess
import time
from pathlib import Path

import psutil
from rich.console import Console

from spark_jobs.errors import PipelineError
from tests.cluster.standalone import Standalone, kill
from tests.torture.server import Server

PATIENCE = 600.0
STAGED = "SELECT 'pipeline.' || tablename FROM pg_tables WHERE tablename LIKE 'staging_%'"


class LostWorker:
    """Kills a worker and its executor in the middle of the step after `BEFORE`."""

    BEFORE, MIDDLE_SECONDS = "remove_duplicates", 3

    def __init__(self, cluster: Standalone, console: Console):
        self.cluster, self.console = cluster, console
        self.options: list[str] = []
        self.variables: dict[str, str] = {}

    def handle_line(self, line: str, process: subprocess.Popen) -> None:
        """Kill the worker when the run prints the line of `BEFORE`; called with each line."""
        if line.startswith(self.BEFORE):
            time.sleep(self.MIDDLE_SECONDS)
            kill(self.cluster.workers[0])
            self.console.print(f"  a worker and its executor are killed {self.MIDDLE_SECONDS} s after {self.BEFORE}")

    def check_after_run(self) -> None:
        """Do nothing: the comparison of the tables is the check."""


class LostReport:
    """Kills an executor after a task's COPY has committed and before the task reports it. Spark then repeats the task,
    so its rows are staged twice."""

    BEFORE, EXECUTOR = "validate_data_quality", "CoarseGrainedExecutorBackend"

    def __init__(self, folder: Path, server: Server, console: Console):
        self.marker, self.server, self.console = folder / "reached", server, console
        failpoint_variables = {"PIPELINE_FAILPOINT": "load.copied", "PIPELINE_FAILPOINT_FILE": self.marker}
        self.options = [
            part
            for name in failpoint_variables
            for part in ("--conf", f"spark.executorEnv.{name}={failpoint_variables[name]}")
        ]
        self.variables = {"PIPELINE_FAILPOINT": "load.uncommitted", "PIPELINE_FAILPOINT_FILE": str(self.marker)}
        self.staged = 0

    def handle_line(self, line: str, process: subprocess.Popen) -> None:
        """Kill the executor after the line of `BEFORE` and count the staged rows just before the driver commits."""
        if not line.startswith(self.BEFORE):
            return
        worker = self._wait_for_failpoint("load.copied", process)
        executor = next(each for each in worker.parents() if self.EXECUTOR in " ".join(each.cmdline()))
        for each in (*executor.children(recursive=True), executor):
            each.kill()
        self._resume("load.copied")
        self._print(f"the executor (process {executor.pid}) is killed between a COPY's commit and its report")
        self._wait_for_failpoint("load.uncommitted", process)
        self.staged = sum(
            self.server.query(f"SELECT count(*) FROM {name}")[0][0] for (name,) in self.server.query(STAGED)
        )
        self._resume("load.uncommitted")

    def check_after_run(self) -> None:
        """Check that rows were staged twice. Raises PipelineError if none were, because the run then proved nothing."""
        loaded = self.server.query(
            "SELECT (SELECT count(*) FROM user_events) + (SELECT count(*) FROM pipeline.item_days)"
        )[0][0]
        if self.staged <= loaded:
            raise PipelineError(f"no task was repeated: {self.staged:,} rows were staged and {loaded:,} loaded.")
        unused = self.staged - loaded
        self._print(
            f"{self.staged:,} rows were staged and {loaded:,} loaded: {unused:,} were there twice, and were not used"
        )

    def _print(self, line: str) -> None:
        self.console.print(f"  {line}", soft_wrap=True)

    def _wait_for_failpoint(self, failpoint: str, process: subprocess.Popen) -> psutil.Process:
        """Wait until a process stops at the failpoint and return it."""
        until, marker_path = time.monotonic() + PATIENCE, Path(f"{self.marker}.{failpoint}")
        while time.monotonic() < until and process.poll() is None:
            if marker_path.exists() and (text := marker_path.read_text()):
                return psutil.Process(int(text))
            time.sleep(0.05)
        raise PipelineError(f"the run did not reach {failpoint}.")

    def _resume(self, failpoint: str) -> None:
        Path(f"{self.marker}.{failpoint}").unlink()
