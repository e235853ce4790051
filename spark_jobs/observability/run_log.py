"""The log of a run, for programs that collect logs: `pipeline.log` in the log folder, as text or as JSON lines.

Each record names the run, the job, the window and the attempt. It has no passwords. The lines on the console do not
depend on the log: they are for people.
"""

import errno
import json
import logging
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from spark_jobs.observability.redaction import redact

FORMATS = ("text", "json")
FILE = "pipeline.log"
TEXT = "%(asctime)s %(levelname)s [%(run_id)s %(job)s %(window)s attempt %(attempt)s] %(message)s"
WARNING = "warning: "  # how a line begins that is a warning
LOGGER = logging.getLogger("spark_jobs")
LOGGER.addHandler(logging.NullHandler())  # without a started log, nothing is printed

_fields: dict[str, Any] = {}


def start(job: str, folder: Path) -> None:
    """Write the records of this process to `pipeline.log` in the folder, as text until `use_format` is called.

    The file is created with the first record. Under Airflow, the run id and the attempt are those of the task. The id
    is otherwise random, and the attempt is 1.
    """
    run_id = os.environ.get("AIRFLOW_CTX_DAG_RUN_ID") or uuid.uuid4().hex[:12]
    attempt = os.environ.get("AIRFLOW_CTX_TRY_NUMBER", "")
    _fields.update(run_id=run_id, job=job, window=None, attempt=int(attempt) if attempt.isdecimal() else 1)
    for old in _list_files():
        LOGGER.removeHandler(old)
        old.close()
    file = _LogFile(folder / FILE, delay=True, encoding="utf-8", errors="backslashreplace")
    file.addFilter(_add_fields)
    file.setFormatter(_TextFormatter(TEXT))
    LOGGER.addHandler(file)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False  # a library may print the records of the root logger


def use_format(name: str) -> None:
    """Write the following records in one of FORMATS."""
    for file in _list_files():
        file.setFormatter(_JsonFormatter() if name == "json" else _TextFormatter(TEXT))


def name_window(window: object) -> None:
    """Name the window in the following records."""
    _fields["window"] = str(window)


@contextmanager
def about(job: str, window: object | None) -> Iterator[None]:
    """Name the job and the window in the records of the block."""
    before = dict(_fields)
    _fields.update(job=job, window=None if window is None else str(window))
    try:
        yield
    finally:
        _fields.update(before)


def facts(**values: Any) -> dict[str, Any]:
    """Return values for `extra` of a record: `name=value` in a text, fields in JSON."""
    return {"facts": values}


def record_line(line: str) -> None:
    """Log a line that a person has been shown."""
    LOGGER.log(logging.WARNING if line.startswith(WARNING) else logging.INFO, line)


def _add_fields(record: logging.LogRecord) -> bool:
    """Add run id, job, window and attempt to a record. No record is dropped."""
    vars(record).update(_fields)
    return True


class _LogFile(WatchedFileHandler):
    """A file that may be renamed while runs write to it. Where it cannot be written, the run continues."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the file that has the name now."""
        try:
            super().emit(record)
        except OSError:  # the file cannot be opened
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Print one note, and log nothing further. A full disk needs no note: the run itself reports it."""
        LOGGER.removeHandler(self)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
            line = f"note: the log could not be written to {self.baseFilename} ({redact(str(error))})."
            sys.stderr.write(f"{line}\n")


class _TextFormatter(logging.Formatter):
    """One line for each record, and the trace of an error below it. Times are UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time of the record in UTC, to the millisecond."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the trace below it, without secrets."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line, with the record's facts at its end."""
        vars(record)["window"] = vars(record)["window"] or "-"
        values = (f" {name}={_to_json(value)}" for name, value in _get_facts(record).items())
        return super().formatMessage(record) + "".join(values)


class _JsonFormatter(_TextFormatter):
    """One JSON object for each record, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, without secrets."""
        found: dict[str, Any] = {"time": self.formatTime(record), "level": record.levelname}
        found |= {name: getattr(record, name) for name in _fields} | {"message": record.getMessage()}
        found |= _get_facts(record)
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return _to_json({name: redact(value) if isinstance(value, str) else value for name, value in found.items()})


def _get_facts(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "facts", {})
    return found


def _list_files() -> list[_LogFile]:
    return [handler for handler in LOGGER.handlers if isinstance(handler, _LogFile)]


def _to_json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
