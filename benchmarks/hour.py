"""One hour of events through the three collection jobs by spark-submit, beside an empty session of Spark as it comes.

The hour is the second one: each later hour finds tables and database as it does.
"""

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import process
from benchmarks.table import ratios
from spark_jobs.errors import PipelineError
from spark_jobs.runtime.environment import own_spark
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import ROOT
from spark_jobs.windows import HOUR
from tests.process import SUBMIT, environment, places

ROWS, FIRST = 60_000, datetime(2019, 10, 1, 5)
EMPTY = "benchmarks/empty_session.py"
JOBS = ("extract_events", "validate_data_quality", "load_to_database")


def measured(scratch: Path) -> dict[str, float]:
    """Seconds of the empty session, and of each job for the second hour in a new folder."""
    folder = process.folder(scratch)
    _landed(folder, FIRST)
    return {"empty session": _of_an_empty_session(folder)} | _landed(folder, FIRST + HOUR)


def _landed(folder: Path, hour: datetime) -> dict[str, float]:
    """Seconds of each job for a file of this hour."""
    generate(Span(ROWS, 1, hour), folder / "raw")
    options = ["--start", f"{hour:%Y-%m-%dT%H}", "--set", f"paths.raw='{folder / 'raw'}'", *places(folder)]
    return {job: _submitted(folder, f"spark_jobs/jobs/{job}.py", *options) for job in JOBS}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Medians by job."""
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


def told(medians: dict[str, Any]) -> Table:
    """Each job beside the empty session."""
    empty = medians["empty session"]
    return ratios(
        f"one hour of {ROWS:,} rows, seconds of spark-submit, medians",
        "empty session",
        {name: (seconds, empty) for name, seconds in medians.items() if name in JOBS},
    )


def _submitted(folder: Path, script: str, *options: str) -> float:
    return _timed([SUBMIT, script, *options], environment(folder))


def _of_an_empty_session(folder: Path) -> float:
    """Spark's own script with a configuration folder that is empty: none of this project's settings, no archive."""
    spark, conf = own_spark(), folder / "no-settings"
    conf.mkdir()
    variables = environment(folder) | {"SPARK_HOME": str(spark), "SPARK_CONF_DIR": str(conf)}
    return _timed([spark / "bin" / "spark-submit", EMPTY], variables)


def _timed(command: Sequence[object], variables: Mapping[str, str]) -> float:
    begun = time.monotonic()
    done = subprocess.run([*map(str, command)], env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"{command[1]} failed: {done.stderr[-300:]}")
    return time.monotonic() - begun
