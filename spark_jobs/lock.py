"""One writer for each part of a warehouse: a second run is refused by name, and a killed one leaves nothing locked."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_jobs.errors import BusyError, PipelineError
from spark_jobs.windows import HOUR

WAIT_SECONDS = HOUR.total_seconds()


@contextmanager
def hold(warehouse: str, part: str) -> Iterator[None]:
    """Holds `part` (collection or preprocessing) of a warehouse. Raises BusyError naming who holds it.

    On a local disk this is a lock of the operating system, which ends with the process. A warehouse in another
    file system is locked in PostgreSQL (`warehouse.hold`).
    """
    path = Path(warehouse) / f".{part}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror}).") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BusyError(
                f"{warehouse}: {part} is already running ({holder}); wait for it to end, then run this again."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def number(warehouse: str, part: str) -> int:
    """The 63-bit number of an advisory lock in PostgreSQL."""
    return int.from_bytes(hashlib.sha256(f"{warehouse}#{part}".encode()).digest()[:8]) >> 1
