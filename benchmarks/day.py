"""One more day after thirty days, compared with the thirty days from scratch."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import process
from benchmarks.process import run_pipeline
from benchmarks.table import build_ratio_table
from spark_jobs.sample.generate import Span, generate


def measure(scratch: Path, path: Path, rows: int, start: datetime, days: int) -> dict[str, Any]:
    """Run the pipeline over all days of the file, then over one more day; return both summaries."""
    folder = process.create_folder(scratch)
    (folder / "raw").mkdir()
    (folder / "raw" / path.name).hardlink_to(path)
    thirty = run_pipeline(folder)
    return {"thirty": thirty, "one more": run_next_day(folder, rows, start, days)}


def run_next_day(folder: Path, rows: int, start: datetime, days: int) -> dict[str, Any]:
    """Generate the day after `days` with the average rows of those days; run the pipeline and return its summary."""
    generate(Span(rows // days, 24, start + timedelta(days=days)), folder / "raw")
    return run_pipeline(folder)


def build_table(found: dict[str, Any]) -> Table:
    """Build a table that compares each step for one more day with the same step for thirty days."""
    next_day, thirty = (found[name]["seconds"] for name in ("one more", "thirty"))
    lines = {step: (next_day[step], thirty[step]) for step in thirty}
    read = {
        f"MB read by {step}": tuple(found[n]["read"][step] / 1e6 for n in ("one more", "thirty")) for step in next_day
    }
    return build_ratio_table("one more day on top of thirty, seconds and megabytes", "thirty", lines | read)
