"""One hour of events through the three collection jobs under spark-submit, compared with an empty Spark session.

The measured hour is the second one, because each later hour also finds existing tables and an existing database.
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
from benchmarks.table import build_ratio_table
from spark_jobs.errors import PipelineError
from spark_jobs.runtime.environment import find_own_spark
from spark_jobs.sample.generate import Span, generate
from spark_jobs.windows import HOUR
from tests.process import SUBMIT, environment, path_options
from tests.project import ROOT

ROWS, FIRST = 60_000, datetime(2019, 10, 1, 5)
EMPTY = "benchmarks/empty_session.py"
JOBS = ("extract_events", "validate_data_quality", "load_to_database")


def measure(scratch: Path) -> dict[str, float]:
    """Measure the seconds of the empty session and of each job for the second hour in a new folder."""
    folder = process.create_folder(scratch)
    _run_jobs(folder, FIRST)
    return {"empty session": _time_empty_session(folder)} | _run_jobs(folder, FIRST + HOUR)


def _run_jobs(folder: Path, hour: datetime) -> dict[str, float]:
    """Generate a file of this hour, run each job and return its seconds."""
    generate(Span(ROWS, 1, hour), folder / "raw")
    options = ["--start", f"{hour:%Y-%m-%dT%H}", "--set", f"paths.raw='{folder / 'raw'}'", *path_options(folder)]
    return {job: _time_submit(folder, f"spark_jobs/jobs/{job}.py", *options) for job in JOBS}


def compute_medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Compute the median of each job."""
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


def build_table(medians: dict[str, Any]) -> Table:
    """Build a table that compares each job with the empty session."""
    empty = medians["empty session"]
    return build_ratio_table(
        f"one hour of {ROWS:,} rows, seconds of spark-submit, medians",
        "empty session",
        {name: (seconds, empty) for name, seconds in medians.items() if name in JOBS},
    )


def _time_submit(folder: Path, script: str, *options: str) -> float:
    return _time_command([SUBMIT, script, *options], environment(folder))


def _time_empty_session(folder: Path) -> float:
    """Time Spark's own script with an empty configuration folder: no settings of this project, no class archive."""
    spark, conf = find_own_spark(), folder / "no-settings"
    conf.mkdir()
    variables = environment(folder) | {"SPARK_HOME": str(spark), "SPARK_CONF_DIR": str(conf)}
    return _time_command([spark / "bin" / "spark-submit", EMPTY], variables)


def _time_command(command: Sequence[object], variables: Mapping[str, str]) -> float:
    start = time.monotonic()
    result = subprocess.run([*map(str, command)], env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise PipelineError(f"{command[1]} failed: {result.stderr[-300:]}")
    return time.monotonic() - start
