"""The outcome of a job, for the scheduler that submitted it: a JSON file, if PIPELINE_SUMMARY names one.

A job that is killed writes no file. Airflow's operator (dags/pipeline_job.py) turns outcomes into task states.
"""

from __future__ import annotations  # so that an older Python reaches the check that refuses it

import json
import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any


class Outcome(str, Enum):  # noqa: UP042 - StrEnum needs Python 3.11
    """How a job ended. The summary names the hours or days that are missing or stopped; all other work is done."""

    DONE = "done"
    MISSING = "missing"
    STOPPED = "stopped"
    ERROR = "error"

    __str__ = str.__str__


def write(summary: Mapping[str, Any], outcome: Outcome = Outcome.DONE, exit_code: int = 0) -> None:
    """Write the outcome together with the summary of the job: its counts, or the sentence that describes the error."""
    path = os.environ.get("PIPELINE_SUMMARY")
    if not path:
        return
    content = {"outcome": outcome, "exit_code": exit_code} | dict(summary)
    scratch = Path(f"{path}.new")
    try:
        scratch.write_text(json.dumps(content, default=str, ensure_ascii=False), encoding="utf-8")
        scratch.replace(path)  # atomic
    except OSError as error:  # not a failure: the work is done, or its error is already reported
        sys.stderr.write(f"note: the outcome could not be written to {path} ({error.strerror}).\n")
