"""A job by spark-submit that stops at a failpoint: watched, hurt, let go, and looked for afterwards."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from spark_jobs.settings import ROOT
from tests.process import SUBMIT
from tests.torture import archive
from tests.torture.ready import BEGUN
from tests.torture.stage import JOBS, Stage, window

PATIENCE = 900.0  # a machine that is shared may give a tenth of its usual speed
SMALL = ["--master", "local[2]", "--conf", "spark.sql.shuffle.partitions=2"]
SMALL += ["--conf", "spark.sql.codegen.wholeStage=false", "--conf", "spark.sql.codegen.factoryMode=NO_CODEGEN"]
READY = Path(__file__).with_name("ready.py")


class Attempt:
    """One process tree. With a failpoint it waits where it has begun, and then where the failpoint is."""

    def __init__(self, stage: Stage, job: str, failpoint: str | None = None):
        self.failpoint, self.marker = failpoint, stage.folder / f"reached-{time.monotonic_ns()}"
        variables = {
            "DATABASE_URL": stage.server.url,
            "PIPELINE_LOGS": str(stage.here / "logs"),
            "PIPELINE_SCRATCH": str(stage.folder / "scratch"),
            "SPARK_SUBMIT_OPTS": f"-XX:TieredStopAtLevel=1 {archive.options(stage.archive)}",  # short: compile little
        }
        if failpoint:
            variables |= {"PIPELINE_FAILPOINT": f"{BEGUN},{failpoint}", "PIPELINE_FAILPOINT_FILE": str(self.marker)}
        entry = [READY, job] if failpoint else [ROOT / "spark_jobs" / "jobs" / f"{job}.py"]
        hours = window(JOBS[job])
        span = ["--start", f"{hours.start:%Y-%m-%dT%H}", "--end", f"{hours.end:%Y-%m-%dT%H}"]
        self.output = self.marker.with_suffix(".output").open("w+")
        self.process = subprocess.Popen(
            [SUBMIT, *archive.CONF, *SMALL, *entry, *span, *stage.options],
            env=os.environ | variables,
            cwd=ROOT,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )
        self.seen: dict[int, psutil.Process] = {}

    def reached(self) -> bool:
        """Lets it begin and waits for the failpoint; False where the run ends without coming there."""
        if not self._waits(BEGUN):
            return False
        self._at(BEGUN).unlink()
        if not self._waits(self.failpoint):
            return False
        self.tree()
        return True

    def go(self) -> None:
        """Lets it run on from the failpoint."""
        self._at(self.failpoint).unlink(missing_ok=True)

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

    def _at(self, name: str | None) -> Path:
        return Path(f"{self.marker}.{name}")

    def _waits(self, name: str | None) -> bool:
        since = time.monotonic()
        while not self._at(name).exists():
            if self.process.poll() is not None:
                return False
            if time.monotonic() - since > PATIENCE:
                raise TimeoutError(f"{name} was not reached: {self.said()}")
            time.sleep(0.05)
        return True

    def said(self) -> str:
        """What it wrote to stdout and stderr."""
        self.output.flush()
        return Path(self.output.name).read_text().strip()


class Ahead:
    """The attempts of the cases to come, (job, failpoint) each: the next one's JVM starts while the last
    one's work is made good and looked at."""

    def __init__(self, stage: Stage, due: Iterable[tuple[str, str]]):
        self._attempts = (Attempt(stage, *each) for each in due)
        self._started: Attempt | None = None

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._started:
            self._started.signal(signal.SIGKILL)
            self._started.process.wait()

    def start(self) -> None:
        """Starts the next one, if there is one and none waits yet."""
        self._started = self._started or next(self._attempts, None)

    def take(self) -> Attempt:
        """The next one; it waits where it has begun, or is on its way there."""
        self.start()
        taken, self._started = self._started, None
        return taken


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
