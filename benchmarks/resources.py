"""Peak memory and core-seconds of processes."""

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

import psutil

from tests.repeated import Poller

EVERY_SECONDS = 0.25


class Watch(Poller):
    """Watches a process (by default this one) and its descendants. `peak` is the largest sum of their resident bytes
    while the context was open."""

    def __init__(self, pid: int | None = None):
        super().__init__(EVERY_SECONDS)
        self.peak, self._root = 0, psutil.Process(pid)

    def poll(self) -> None:
        """Add up the resident bytes of the processes and update the peak."""
        with suppress(psutil.Error):
            processes = [self._root, *self._root.children(recursive=True)]
            programs = {process.pid: _read_program(process) for process in processes}
            total = sum(_resident_bytes(process) for process in processes if not _is_forked_jvm(process, programs))
            self.peak = max(self.peak, total)


def _read_program(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.exe()
    return ""


def _is_forked_jvm(process: psutil.Process, programs: Mapping[int, str]) -> bool:
    """Check whether a JVM has just forked the process to start a program. Until the program starts, it shares the
    memory of the JVM, which must not count twice."""
    with suppress(psutil.Error):
        program = programs[process.pid]
        return program.endswith("/java") and programs.get(process.ppid()) == program
    return True


def _resident_bytes(process: psutil.Process) -> int:
    """Return the resident bytes without shared memory (PostgreSQL's buffers would count once for each backend)."""
    with suppress(psutil.Error):
        found = process.memory_info()
        return found.rss - found.shared
    return 0


class Processors(Poller):
    """Adds up the core-seconds of a process (by default this one) and its descendants, also of those that have ended.

    Nobody else has the times of Spark's Python workers: their parent ignores their end, so the system drops them.
    """

    def __init__(self, pid: int | None = None):
        super().__init__(EVERY_SECONDS)
        self._root, self._used, self._lock = psutil.Process(pid), {}, Lock()

    def poll(self) -> None:
        """Read the times of every process that is running now."""
        with self._lock, suppress(psutil.Error):
            for process in [self._root, *self._root.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    self._used[process] = times.user + times.system

    def count(self) -> float:
        """Return the core-seconds so far."""
        self.poll()
        with self._lock:
            return sum(self._used.values())
