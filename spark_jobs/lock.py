"""One writer for each part of a warehouse: a second run is refused by name, and a killed one leaves nothing locked."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_jobs.errors import BusyError, PipelineError


@contextmanager
def hold(warehouse: str, part: str) -> Iterator[None]:
    """Holds `part` (collection or preprocessing) of a warehouse. Raises BusyError naming who holds it.

    A lock of the operating system, which ends with the process however it ends. For a warehouse in another file
    system the lock lies on this machine: it guards against a second run here.
    """
    folder = Path(warehouse) if "://" not in warehouse else Path("/tmp") / _number(warehouse)
    path = folder / f".{part}.lock"
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


def _number(warehouse: str) -> str:
    return "pipeline-" + hashlib.sha256(warehouse.encode()).hexdigest()[:16]
