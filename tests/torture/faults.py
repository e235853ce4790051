"""The faults that disturb a run at its failpoint."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import psutil

from spark_jobs.coordination import lock
from tests.torture.attempt import Attempt
from tests.torture.stage import Stage

GONE_SECONDS = 30  # at most; PostgreSQL starts again as soon as the run has ended
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)


def kill_jvm(stage: Stage, attempt: Attempt, job: str) -> None:
    """Send SIGKILL to the JVM of spark-submit; the Python driver stays alive."""
    attempt.process.kill()


def kill_driver(stage: Stage, attempt: Attempt, job: str) -> None:
    """Send SIGKILL to the Python driver; the JVM stays alive."""
    attempt.find_driver().kill()


def terminate(stage: Stage, attempt: Attempt, job: str) -> None:
    """Send SIGTERM to all processes, as a scheduler does when it cancels a task."""
    attempt.send_signal(signal.SIGTERM)


def restart_postgres(stage: Stage, attempt: Attempt, job: str) -> None:
    """Crash PostgreSQL and start it again at once."""
    stage.server.stop()
    stage.server.start()


def interrupt_postgres(stage: Stage, attempt: Attempt, job: str) -> None:
    """Crash PostgreSQL, let the run continue, and start PostgreSQL when the run has ended or after 30 s."""
    stage.server.stop()
    attempt.resume()
    with suppress(subprocess.TimeoutExpired):
        attempt.process.wait(GONE_SECONDS)
    stage.server.start()


def fill_disk(stage: Stage, attempt: Attempt, job: str) -> None:
    """Fill the disk of the warehouse to the last byte until the run has ended."""
    filler = stage.here / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    attempt.wait_for_end()
    filler.unlink()


def start_twice(stage: Stage, attempt: Attempt, job: str) -> None:
    """Start the same job again while the first one runs; the second one must be refused."""
    second = Attempt(stage, job)
    code = second.process.wait()
    if code != 5 or "is already running" not in second.read_output():
        raise AssertionError(f"the second run ended with {code}: {second.read_output()}")


def freeze(stage: Stage, attempt: Attempt, job: str) -> None:
    """Stop the whole run, let another run take its place and finish, then wake the first one.

    Its last sign of life is backdated, so that nobody has to wait until it counts as silent.
    """
    attempt.send_signal(signal.SIGSTOP)
    while any(process.status() not in STOPPED for process in attempt.list_processes()):
        time.sleep(0.05)
    last = time.time() - lock.SILENT_SECONDS
    for path in (stage.here / "warehouse").glob(".*.lock"):
        os.utime(path, (last, last))
    try:
        stage.run_job(job)
    finally:
        attempt.resume()
        attempt.send_signal(signal.SIGCONT)


FAULTS = {
    "JVM killed": kill_jvm,
    "driver killed": kill_driver,
    "SIGTERM": terminate,
    "PostgreSQL restarted": restart_postgres,
    "PostgreSQL gone 30 s": interrupt_postgres,
    "disk full": fill_disk,
    "started twice": start_twice,
    "frozen, wakes later": freeze,
}
