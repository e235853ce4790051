"""Peak memory of a process and all that it started."""

import subprocess
import time
from contextlib import suppress

import psutil

EVERY_SECONDS = 0.25


def peak_of(process: subprocess.Popen) -> int:
    """Waits for the process; the largest sum of resident bytes that it and its descendants held at once."""
    peak, root = 0, psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, sum(_resident(part) for part in [root, *root.children(recursive=True)]))
        time.sleep(EVERY_SECONDS)
    return peak


def _resident(process: psutil.Process) -> int:
    """Resident bytes without what is shared with others (PostgreSQL's buffers would count once for each backend)."""
    with suppress(psutil.Error):
        found = process.memory_info()
        return found.rss - found.shared
    return 0
