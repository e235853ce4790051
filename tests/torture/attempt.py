"""A job by spark-submit that stops at a failpoint: watched, hurt, let go, and looked for afterwards."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from spark_jobs.settings import ROOT
from tests.torture.stage import JOBS, Stage, window

PATIENCE = 900.0  # a machine that is shared may give a tenth of its usual speed
SILENT_SECONDS = 15  # short, but longer than a busy machine keeps a living run from its sign of life
SMALL = ["--master", "local[2]", "--conf", "spark.sql.shuffle.partitions=2"]
SMALL += ["--conf", "spark.sql.codegen.wholeStage=false", "--conf", "spark.sql.codegen.factoryMode=NO_CODEGEN"]
SUBMIT = Path(sys.executable).parent / "spark-submit"


class Attempt:
    """One process tree. `stderr` is what it said."""

    def __init__(self, stage: Stage, job: str, failpoint: str | None = None):
        self.marker = stage.folder / f"reached-{time.monotonic_ns()}"
        self.scratch = stage.folder / "scratch"
        hours = window(JOBS[job])
        span = ["--start", f"{hours.start:%Y-%m-%dT%H}", "--end", f"{hours.end:%Y-%m-%dT%H}"]
        variables = {
            "DATABASE_URL": stage.server.url,
            "PIPELINE_LOGS": str(stage.here / "logs"),
            "PIPELINE_SCRATCH": str(self.scratch),
            "PIPELINE_SILENT_SECONDS": str(SILENT_SECONDS),
            "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1",  # each run is short: compile little
        }
        if failpoint:
            variables |= {"PIPELINE_FAILPOINT": failpoint, "PIPELINE_FAILPOINT_FILE": str(self.marker)}
        self.output = (stage.folder / "output").open("w+")
        self.process = subprocess.Popen(
            [SUBMIT, *SMALL, ROOT / "spark_jobs" / "jobs" / f"{job}.py", *span, *stage.options],
            env=os.environ | variables,
            cwd=ROOT,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )
        self.seen: dict[int, psutil.Process] = {}

    def reached(self) -> bool:
        """Waits for the failpoint; False where the run ends without coming there."""
        begun = time.monotonic()
        while not self.marker.exists():
            if self.process.poll() is not None:
                return False
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError(f"the failpoint was not reached: {self.said()}")
            time.sleep(0.05)
        self.tree()
        return True

    def go(self) -> None:
        """Lets it run on from the failpoint."""
        self.marker.unlink(missing_ok=True)

    def tree(self) -> list[psutil.Process]:
        """The JVM, the Python driver and its workers, as far as they live."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            for process in [root, *root.children(recursive=True)]:
                self.seen[process.pid] = process
        return [process for process in self.seen.values() if _lives(process)]

    def driver(self) -> psutil.Process:
        """The Python driver: the JVM's child that runs the job's file."""
        return next(p for p in self.tree() if p.ppid() == self.process.pid and "python" in p.name())

    def signal(self, number: int) -> None:
        """To every process of the tree."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def end(self) -> int:
        """Waits for its end; the exit code."""
        self.go()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            raise TimeoutError(f"it did not end: {self.said()}") from None

    def orphans(self, seconds: float = 60.0) -> list[str]:
        """Processes of the tree that still live after so many seconds; they are killed."""
        until = time.monotonic() + seconds
        while (left := self.tree()) and time.monotonic() < until:
            time.sleep(0.1)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return [f"{process.pid} {process.name()}" for process in left]

    def said(self) -> str:
        """What it wrote to stdout and stderr."""
        self.output.flush()
        return Path(self.output.name).read_text().strip()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
