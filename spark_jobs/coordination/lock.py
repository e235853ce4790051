"""The lock of a writer on this machine: one attempt at a time. A second attempt is refused and learns who holds it.

It is a lock of the operating system, which ends with its process in every case. The holder gives a sign of life every
few seconds. If it is silent for long (stopped, frozen), another run replaces it, and it ends itself when it wakes.
"""

import fcntl
import hashlib
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

from spark_jobs.errors import BusyError, PipelineError
from spark_jobs.observability import run_log

BEAT_SECONDS = 2.0
SILENT_SECONDS = 60.0
NOT_CLOSED = "the tables are not closed to an earlier run"  # content of a lock released while unclean; else empty
SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT" in os.environ  # then the JVM is this process's parent


@dataclass
class Hold:
    """A lock that this process holds. `unclean`: an earlier holder did not release it.

    That holder may have died or may wake again, and the tables are not closed to it yet.
    """

    writer: str
    unclean: bool


@contextmanager
def hold(warehouse: str, writer: str) -> Iterator[Hold]:
    """Hold the lock of a writer (`flow.Writer`). Raises BusyError naming the process that holds it.

    The lock of a warehouse in another file system is on this machine. It prevents a second run here; the lease (see
    lease.py) prevents one elsewhere. Raises PipelineError where the lock file cannot be written.
    """
    folder = Path(warehouse) if "://" not in warehouse else Path("/tmp") / _name_folder(warehouse)
    path = folder / f".{writer}.lock"
    try:
        _create_own_folder(folder) if "://" in warehouse else folder.mkdir(parents=True, exist_ok=True)
        file = _try_lock(path) or _take_over(path, warehouse, writer)
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror}).") from error
    with file:
        file.seek(0)
        new_hold = Hold(writer, unclean=bool(file.read().strip()))
        _write_holder(file, f"process {os.getpid()}")
        ended = threading.Event()
        threading.Thread(target=_watch_lock, args=(path, file, writer, os.getppid(), ended), daemon=True).start()
        try:
            yield new_hold
        finally:
            ended.set()
            _write_holder(file, NOT_CLOSED if new_hold.unclean else "")


def _create_own_folder(folder: Path) -> None:
    """Create a folder for this user alone. Another user could already have created a folder of that name.

    Raises PipelineError where it is a link or belongs to another user.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PipelineError(f"{folder}: the folder for locks is not a folder of your own; ask its owner to remove it.")
    folder.chmod(0o700)


def _try_lock(path: Path) -> TextIO | None:
    """Return the lock file, locked; None where another process holds it."""
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if _is_same_file(path, file):
            return file
        file.close()  # another process has replaced the file meanwhile


def _take_over(path: Path, warehouse: str, writer: str) -> TextIO:
    """Replace the lock file of a silent holder and return the new one.

    Raises BusyError where the holder is not silent.
    """
    with path.with_suffix(".guard").open("a+") as guard:
        holder = path.read_text().strip() or "another process"
        busy = BusyError(
            f"{warehouse}: {writer} is already running ({holder}); wait for it to end, then run this again."
        )
        silent = time.time() - path.stat().st_mtime
        if silent < SILENT_SECONDS:
            raise busy
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        file = path.with_suffix(".new").open("w+")
        fcntl.flock(file, fcntl.LOCK_EX)
        _write_holder(file, holder)
        Path(file.name).replace(path)
        line = f"{writer}: {holder} has given no sign of life for {silent:.0f} s; this run replaces it."
        sys.stderr.write(f"{line}\n")
        run_log.LOGGER.warning(line)
        return file


def _watch_lock(path: Path, file: TextIO, writer: str, parent: int, ended: threading.Event) -> None:
    """Give signs of life. End the process when another run has replaced it, or when the JVM that started it is gone."""
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            if not _is_same_file(path, file):
                _end_process(f"{writer}: another run has replaced this one, which gave no sign of life for too long.")
            os.utime(path)
        if SPARK_SUBMIT and os.getppid() != parent:
            _end_process(f"{writer}: Spark's JVM is gone (killed?); run this again.")


def _end_process(sentence: str) -> None:
    """End this process and its children at once: another run now writes what this one was about to write."""
    with suppress(OSError):  # the JVM may pass on this output, and may be gone
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    os._exit(BusyError.exit_code)


def _is_same_file(path: Path, file: TextIO) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _write_holder(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(text)
    file.flush()


def _name_folder(warehouse: str) -> str:
    return "pipeline-" + hashlib.sha256(warehouse.encode()).hexdigest()[:16]
