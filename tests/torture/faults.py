"""What is done to a run that has come to its failpoint."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import psutil

from spark_jobs.coordination import lock
from tests.torture.attempt import Attempt
from tests.torture.stage import Stage

GONE_SECONDS = 30  # at most: once the run has ended nothing is there any more that its absence could disturb
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)


def kill_jvm(stage: Stage, attempt: Attempt, job: str) -> None:
    """SIGKILL of spark-submit's JVM; the Python driver lives on."""
    attempt.process.kill()


def kill_driver(stage: Stage, attempt: Attempt, job: str) -> None:
    """SIGKILL of the Python driver; the JVM lives on."""
    attempt.driver().kill()


def terminate(stage: Stage, attempt: Attempt, job: str) -> None:
    """SIGTERM to all, as a scheduler that cancels a task does."""
    attempt.signal(signal.SIGTERM)


def restart_postgres(stage: Stage, attempt: Attempt, job: str) -> None:
    """PostgreSQL crashes and is there again at once."""
    stage.server.stop()
    stage.server.start()


def postgres_gone(stage: Stage, attempt: Attempt, job: str) -> None:
    """PostgreSQL crashes and comes back when the run has ended, or after 30 s; the run goes on meanwhile."""
    stage.server.stop()
    attempt.go()
    with suppress(subprocess.TimeoutExpired):
        attempt.process.wait(GONE_SECONDS)
    stage.server.start()


def disk_full(stage: Stage, attempt: Attempt, job: str) -> None:
    """The warehouse's disk has no byte left until the run has ended."""
    filler = stage.here / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    attempt.end()
    filler.unlink()


def twice(stage: Stage, attempt: Attempt, job: str) -> None:
    """The same job once more while the first one is at work: it is refused by name."""
    second = Attempt(stage, job)
    code = second.process.wait()
    if code != 5 or "is already running" not in second.said():
        raise AssertionError(f"the second run ended with {code}: {second.said()}")


def freeze(stage: Stage, attempt: Attempt, job: str) -> None:
    """The whole run is stopped; another takes its place and finishes; then the first one wakes.

    That it was silent for long is not waited for: its last sign of life is dated back.
    """
    attempt.signal(signal.SIGSTOP)
    while any(process.status() not in STOPPED for process in attempt.tree()):
        time.sleep(0.05)
    last = time.time() - lock.SILENT_SECONDS
    for path in (stage.here / "warehouse").glob(".*.lock"):
        os.utime(path, (last, last))
    try:
        stage.attempt(job)
    finally:
        attempt.go()
        attempt.signal(signal.SIGCONT)


FAULTS = {
    "JVM killed": kill_jvm,
    "driver killed": kill_driver,
    "SIGTERM": terminate,
    "PostgreSQL restarted": restart_postgres,
    "PostgreSQL gone 30 s": postgres_gone,
    "disk full": disk_full,
    "started twice": twice,
    "frozen, wakes later": freeze,
}
