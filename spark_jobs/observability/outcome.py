"""What became of a job, for the scheduler that submitted it: a file of JSON, where PIPELINE_SUMMARY names one.

A job that dies writes none. Airflow's operator (dags/pipeline_job.py) turns outcomes into the states of tasks.
"""

from __future__ import annotations  # an older Python shall get as far as to be refused

import json
import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any


class Outcome(str, Enum):  # noqa: UP042 - StrEnum needs Python 3.11
    """How a job ended. Missing and stopped hours or days are named in the summary, and the rest of the work is done."""

    DONE = "done"
    MISSING = "missing"
    STOPPED = "stopped"
    ERROR = "error"

    __str__ = str.__str__


def write(summary: Mapping[str, Any], outcome: Outcome = Outcome.DONE, exit_code: int = 0) -> None:
    """Write the outcome with what the job did: its counts, or the sentence that says what is wrong."""
    path = os.environ.get("PIPELINE_SUMMARY")
    if not path:
        return
    whole = {"outcome": outcome, "exit_code": exit_code} | dict(summary)
    written = Path(f"{path}.new")
    try:
        written.write_text(json.dumps(whole, default=str, ensure_ascii=False), encoding="utf-8")
        written.replace(path)  # whole or not at all
    except OSError as error:  # what was done is done, and what is wrong was said
        sys.stderr.write(f"note: the outcome could not be written to {path} ({error.strerror}).\n")
