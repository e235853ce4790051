"""Peak memory of a process and all that it started."""

import subprocess
import threading
import time
from contextlib import suppress

import psutil

EVERY_SECONDS = 0.25


def peak_of(process: subprocess.Popen) -> int:
    """Waits for the process; the largest sum of resident bytes that it and its descendants held at once."""
    peak, root = 0, psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, _held_by(root))
        time.sleep(EVERY_SECONDS)
    return peak


class Watch:
    """Watches this process and its descendants from within; a context. `peak`: as of `peak_of`, within it."""

    def __init__(self):
        self.peak, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        root = psutil.Process()
        while True:
            self.peak = max(self.peak, _held_by(root))
            if self._ended.wait(EVERY_SECONDS):
                return


def _held_by(root: psutil.Process) -> int:
    with suppress(psutil.Error):
        return sum(_resident(part) for part in [root, *root.children(recursive=True)])
    return 0


def _resident(process: psutil.Process) -> int:
    """Resident bytes without what is shared with others (PostgreSQL's buffers would count once for each backend)."""
    with suppress(psutil.Error):
        found = process.memory_info()
        return found.rss - found.shared
    return 0
