"""One more day on top of thirty, beside the thirty from scratch."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import process
from benchmarks.process import pipeline
from benchmarks.table import ratios
from spark_jobs.sample.generate import Span, generate


def measured(scratch: Path, path: Path, rows: int, start: datetime, days: int) -> dict[str, Any]:
    """The pipeline's summary of all days of the file, then of a thirtieth of its rows a day later."""
    folder = process.folder(scratch)
    (folder / "raw").mkdir()
    (folder / "raw" / path.name).hardlink_to(path)
    thirty = pipeline(folder)
    return {"thirty": thirty, "one more": one_more(folder, rows, start, days)}


def one_more(folder: Path, rows: int, start: datetime, days: int) -> dict[str, Any]:
    """The pipeline's summary of the next day, of as many rows as one of the `days` of `rows` in the folder has."""
    generate(Span(rows // days, 24, start + timedelta(days=days)), folder / "raw")
    return pipeline(folder)


def told(found: dict[str, Any]) -> Table:
    """Each step for one more day beside the same for thirty."""
    more, thirty = (found[name]["seconds"] for name in ("one more", "thirty"))
    lines = {step: (more[step], thirty[step]) for step in thirty}
    read = {f"MB read by {step}": tuple(found[n]["read"][step] / 1e6 for n in ("one more", "thirty")) for step in more}
    return ratios("one more day on top of thirty, seconds and megabytes", "thirty", lines | read)
