"""A job under spark-submit that waits at a failpoint: watch it, disturb it, resume it and check what is left of it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from spark_jobs.runtime.compilation import FIRST_ONLY
from tests.process import SUBMIT
from tests.project import ROOT
from tests.torture.ready import BEGUN
from tests.torture.stage import JOBS, Stage, window

PATIENCE = 900.0  # a shared machine may run at a tenth of its usual speed
SMALL = ["--master", "local[2]", "--conf", "spark.sql.shuffle.partitions=2"]
SMALL += ["--conf", "spark.sql.codegen.wholeStage=false", "--conf", "spark.sql.codegen.factoryMode=NO_CODEGEN"]
READY = Path(__file__).with_name("ready.py")


class Attempt:
    """One process tree. With a failpoint, it waits once before the job begins and once at the failpoint."""

    def __init__(self, stage: Stage, job: str, failpoint: str | None = None):
        self.failpoint, self.marker = failpoint, stage.folder / f"reached-{time.monotonic_ns()}"
        variables = {
            "DATABASE_URL": stage.server.url,
            "PIPELINE_LOGS": str(stage.here / "logs"),
            "PIPELINE_SCRATCH": str(stage.folder / "scratch"),
            "SPARK_SUBMIT_OPTS": " ".join(FIRST_ONLY),  # the job is short, so the JVM should compile little
        }
        if failpoint:
            variables |= {"PIPELINE_FAILPOINT": f"{BEGUN},{failpoint}", "PIPELINE_FAILPOINT_FILE": str(self.marker)}
        entry = [READY, job] if failpoint else [ROOT / "spark_jobs" / "jobs" / f"{job}.py"]
        hours = window(JOBS[job])
        span = ["--start", f"{hours.start:%Y-%m-%dT%H}", "--end", f"{hours.end:%Y-%m-%dT%H}"]
        self.output = self.marker.with_suffix(".output").open("w+")
        self.process = subprocess.Popen(
            [SUBMIT, *SMALL, *entry, *span, *stage.options],
            env=os.environ | variables,
            cwd=ROOT,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )
        self.known_processes: dict[int, psutil.Process] = {}

    def wait_for_failpoint(self) -> bool:
        """Let the job begin and wait for the failpoint; return False if the job ends without reaching it."""
        if not self._wait_for(BEGUN):
            return False
        self._marker_path(BEGUN).unlink()
        if not self._wait_for(self.failpoint):
            return False
        self.list_processes()
        return True

    def resume(self) -> None:
        """Let the job continue from the failpoint."""
        self._marker_path(self.failpoint).unlink(missing_ok=True)

    def list_processes(self) -> list[psutil.Process]:
        """List the processes that are alive of the JVM, the Python driver and its workers."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            for process in [root, *root.children(recursive=True)]:
                self.known_processes[process.pid] = process
        return [process for process in self.known_processes.values() if _is_alive(process)]

    def find_driver(self) -> psutil.Process:
        """Find the Python driver, the child of the JVM that runs the job's file."""
        return next(p for p in self.list_processes() if p.ppid() == self.process.pid and "python" in p.name())

    def send_signal(self, number: int) -> None:
        """Send the signal to every process of the tree."""
        for process in self.list_processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def wait_for_end(self) -> int:
        """Resume the job, wait for its end and return the exit code."""
        self.resume()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            raise TimeoutError(f"it did not end: {self.read_output()}") from None

    def kill_orphans(self, seconds: float = 60.0) -> list[str]:
        """Kill the processes of the tree that are still alive after so many seconds; return their names."""
        until = time.monotonic() + seconds
        while (alive := self.list_processes()) and time.monotonic() < until:
            time.sleep(0.1)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return [f"{process.pid} {process.name()}" for process in alive]

    def _marker_path(self, name: str | None) -> Path:
        return Path(f"{self.marker}.{name}")

    def _wait_for(self, name: str | None) -> bool:
        since = time.monotonic()
        while not self._marker_path(name).exists():
            if self.process.poll() is not None:
                return False
            if time.monotonic() - since > PATIENCE:
                raise TimeoutError(f"{name} was not reached: {self.read_output()}")
            time.sleep(0.05)
        return True

    def read_output(self) -> str:
        """Read what the job wrote to stdout and stderr."""
        self.output.flush()
        return Path(self.output.name).read_text().strip()


class AttemptQueue:
    """The attempts of the cases to come, given as (job, failpoint). The JVM of the next attempt starts while the work
    of the last one is recovered and compared."""

    def __init__(self, stage: Stage, cases: Iterable[tuple[str, str]]):
        self._attempts = (Attempt(stage, *each) for each in cases)
        self._next_attempt: Attempt | None = None

    def __enter__(self) -> "AttemptQueue":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._next_attempt:
            self._next_attempt.send_signal(signal.SIGKILL)
            self._next_attempt.process.wait()

    def start(self) -> None:
        """Start the next attempt if there is one and none is waiting yet."""
        self._next_attempt = self._next_attempt or next(self._attempts, None)

    def take(self) -> Attempt:
        """Return the next attempt; it waits, or will soon wait, before the job begins."""
        self.start()
        attempt, self._next_attempt = self._next_attempt, None
        return attempt


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
