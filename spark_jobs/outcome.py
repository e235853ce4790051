"""What became of a job, for the scheduler that submitted it: a file of JSON, where PIPELINE_SUMMARY names one.

A job that dies writes none. Airflow's operator (dags/pipeline_job.py) turns outcomes into the states of tasks.
"""

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """How a job ended. Missing and stopped hours or days are named in the summary, and the rest of the work is done."""

    DONE = "done"
    MISSING = "missing"
    STOPPED = "stopped"
    ERROR = "error"


def write(summary: Mapping[str, Any], outcome: Outcome = Outcome.DONE, exit_code: int = 0) -> None:
    """Write the outcome with what the job did: its counts, or the sentence that says what is wrong."""
    if path := os.environ.get("PIPELINE_SUMMARY"):
        whole = {"outcome": outcome, "exit_code": exit_code} | dict(summary)
        Path(path).write_text(json.dumps(whole, default=str, ensure_ascii=False), encoding="utf-8")
