"""One attempt at a time for each writer of a warehouse on this machine: a second is refused by name.

A lock of the operating system, which ends with its process however that ends. The holder gives a sign of life every few
seconds; whoever finds it silent for long (stopped, frozen) takes its place, and it ends itself when it wakes.
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

BEAT_SECONDS = 2.0
SILENT_SECONDS = 60.0
NOT_CLOSED = "the tables are not closed to an earlier run"  # what a lock that was given back says; else nothing
SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT" in os.environ  # then the JVM is this process's parent


@dataclass
class Hold:
    """A lock that is held. `unclean`: an earlier holder did not give it back. It may have died, or may wake, and the
    tables are not closed to it yet."""

    writer: str
    unclean: bool


@contextmanager
def hold(warehouse: str, writer: str) -> Iterator[Hold]:
    """Hold the lock of a writer (`flow.Writer`). Raises BusyError naming who holds it.

    For a warehouse in another file system the lock lies on this machine: it guards against a second run here, and the
    lease (see lease.py) against one elsewhere.
    """
    folder = Path(warehouse) if "://" not in warehouse else Path("/tmp") / _number(warehouse)
    path = folder / f".{writer}.lock"
    try:
        _make_own(folder) if "://" in warehouse else folder.mkdir(parents=True, exist_ok=True)
        file = _locked(path) or _taken_over(path, warehouse, writer)
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror}).") from error
    with file:
        file.seek(0)
        held = Hold(writer, unclean=bool(file.read().strip()))
        _sign(file, f"process {os.getpid()}")
        ended = threading.Event()
        threading.Thread(target=_watch, args=(path, file, writer, os.getppid(), ended), daemon=True).start()
        try:
            yield held
        finally:
            ended.set()
            _sign(file, NOT_CLOSED if held.unclean else "")


def _make_own(folder: Path) -> None:
    """A folder under a name that anybody could have taken before: for this user alone.

    Raises PipelineError where it is a link or belongs to somebody else.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PipelineError(f"{folder}: the folder for locks is not a folder of your own; have its owner remove it.")
    folder.chmod(0o700)


def _locked(path: Path) -> TextIO | None:
    """The lock file, locked; None where another process holds it."""
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if _is(path, file):
            return file
        file.close()  # another process has put its own file in place meanwhile


def _taken_over(path: Path, warehouse: str, writer: str) -> TextIO:
    """A new lock file in place of one whose holder is silent. Raises BusyError where it is not."""
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
        _sign(file, holder)
        Path(file.name).replace(path)
        sys.stderr.write(
            f"{writer}: {holder} has given no sign of life for {silent:.0f} s; this run takes its place.\n"
        )
        return file


def _watch(path: Path, file: TextIO, writer: str, parent: int, ended: threading.Event) -> None:
    """Gives signs of life; ends the process when its place is taken or the JVM that started it is gone."""
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            if not _is(path, file):
                _end(f"{writer}: another run has taken the place of this one, which was silent for too long.")
            os.utime(path)
        if SPARK_SUBMIT and os.getppid() != parent:
            _end(f"{writer}: Spark's JVM is gone (killed?); run this again.")


def _end(sentence: str) -> None:
    """Ends this process and what it started, at once: whatever it was about to write is another's to write now."""
    with suppress(OSError):  # what the JVM passed on goes nowhere once it is gone
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    os._exit(BusyError.exit_code)


def _is(path: Path, file: TextIO) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _sign(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(text)
    file.flush()


def _number(warehouse: str) -> str:
    return "pipeline-" + hashlib.sha256(warehouse.encode()).hexdigest()[:16]
