"""Peak memory and core-seconds of processes."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

from tests.repeated import Repeated

EVERY_SECONDS = 0.25


class Watch(Repeated):
    """Watches a process, this one if no other is named. `peak`: the largest sum of resident bytes that it and its
    descendants held at once while the context was open."""

    def __init__(self, pid: int | None = None):
        super().__init__(EVERY_SECONDS)
        self.peak, self._root = 0, psutil.Process(pid)

    def look(self) -> None:
        """Adds up what they hold now."""
        with suppress(psutil.Error):
            parts = [self._root, *self._root.children(recursive=True)]
            programs = {part.pid: _program(part) for part in parts}
            held = sum(_resident(part) for part in parts if not _is_beginning(part, programs))
            self.peak = max(self.peak, held)


def _program(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.exe()
    return ""


def _is_beginning(process: psutil.Process, programs: Mapping[int, str]) -> bool:
    """Whether a JVM has just made it to start a program: until then it lives in the JVM's own memory, which would
    count twice."""
    with suppress(psutil.Error):
        program = programs[process.pid]
        return program.endswith("/java") and programs.get(process.ppid()) == program
    return True


def _resident(process: psutil.Process) -> int:
    """Resident bytes without what is shared with others (PostgreSQL's buffers would count once for each backend)."""
    with suppress(psutil.Error):
        found = process.memory_info()
        return found.rss - found.shared
    return 0


def core_seconds(processes: Iterable[psutil.Process]) -> float:
    """Seconds that the cores worked for them so far, and for those of their children that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)  # user, system, and both of ended children
