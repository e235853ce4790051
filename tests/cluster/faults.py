"""What happens to the cluster while a run goes on: an executor is lost at a moment that has a name."""

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
    """A worker and its executor are killed in the middle of the step after `BEFORE`."""

    BEFORE, MIDDLE_SECONDS = "remove_duplicates", 3

    def __init__(self, cluster: Standalone, console: Console):
        self.cluster, self.console = cluster, console
        self.options: list[str] = []
        self.variables: dict[str, str] = {}

    def seen(self, line: str, process: subprocess.Popen) -> None:
        """Called with each line that the run prints."""
        if line.startswith(self.BEFORE):
            time.sleep(self.MIDDLE_SECONDS)
            kill(self.cluster.workers[0])
            self.console.print(f"  a worker and its executor are killed {self.MIDDLE_SECONDS} s after {self.BEFORE}")

    def ended(self) -> None:
        """Called after the run."""


class LostReport:
    """An executor is killed after a task's COPY has committed and before the task reports it, so that the task is run
    again and its rows are staged twice."""

    BEFORE, EXECUTOR = "validate_data_quality", "CoarseGrainedExecutorBackend"

    def __init__(self, folder: Path, server: Server, console: Console):
        self.marker, self.server, self.console = folder / "reached", server, console
        named = {"PIPELINE_FAILPOINT": "load.copied", "PIPELINE_FAILPOINT_FILE": self.marker}
        self.options = [part for name in named for part in ("--conf", f"spark.executorEnv.{name}={named[name]}")]
        self.variables = {"PIPELINE_FAILPOINT": "load.uncommitted", "PIPELINE_FAILPOINT_FILE": str(self.marker)}
        self.staged = 0

    def seen(self, line: str, process: subprocess.Popen) -> None:
        """Called with each line that the run prints. Ends when the driver is about to commit."""
        if not line.startswith(self.BEFORE):
            return
        worker = self._reached("load.copied", process)
        executor = next(each for each in worker.parents() if self.EXECUTOR in " ".join(each.cmdline()))
        for each in (*executor.children(recursive=True), executor):
            each.kill()
        self._leave("load.copied")
        self._say(f"the executor (process {executor.pid}) is killed between a COPY's commit and its report")
        self._reached("load.uncommitted", process)
        self.staged = sum(
            self.server.query(f"SELECT count(*) FROM {name}")[0][0] for (name,) in self.server.query(STAGED)
        )
        self._leave("load.uncommitted")

    def ended(self) -> None:
        """Called after the run. Raises PipelineError where nothing was staged twice: then nothing was shown."""
        loaded = self.server.query(
            "SELECT (SELECT count(*) FROM user_events) + (SELECT count(*) FROM pipeline.item_days)"
        )[0][0]
        if self.staged <= loaded:
            raise PipelineError(f"no task was repeated: {self.staged:,} rows were staged and {loaded:,} loaded.")
        twice = self.staged - loaded
        self._say(
            f"{self.staged:,} rows were staged and {loaded:,} loaded: {twice:,} were there twice, and were not used"
        )

    def _say(self, line: str) -> None:
        self.console.print(f"  {line}", soft_wrap=True)

    def _reached(self, failpoint: str, process: subprocess.Popen) -> psutil.Process:
        """The process that waits at the failpoint."""
        until, here = time.monotonic() + PATIENCE, Path(f"{self.marker}.{failpoint}")
        while time.monotonic() < until and process.poll() is None:
            if here.exists() and (text := here.read_text()):
                return psutil.Process(int(text))
            time.sleep(0.05)
        raise PipelineError(f"the run did not reach {failpoint}.")

    def _leave(self, failpoint: str) -> None:
        Path(f"{self.marker}.{failpoint}").unlink()
