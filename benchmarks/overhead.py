"""The fixed costs of a small run by step: executions, jobs, tasks, commits, seconds, core-seconds."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from benchmarks import process
from spark_jobs.sample.generate import Span, generate
from spark_jobs.windows import HOUR

ROWS, HOURS, FIRST = 17_400, 3, datetime(2019, 10, 1)
COUNTS = ("executions", "jobs", "tasks", "commits", "processors")


def measure(scratch: Path) -> dict[str, dict[str, Any]]:
    """Run the pipeline over the first files of a folder, over nothing new and over one more hour; return summaries."""
    folder, found = process.create_folder(scratch), {}
    generate(Span(ROWS, HOURS, FIRST), folder / "raw")
    found["first run"] = process.run_pipeline(folder)
    found["the same again"] = process.run_pipeline(folder)
    generate(Span(ROWS // HOURS, 1, FIRST + HOURS * HOUR), folder / "raw")
    found["one more hour"] = process.run_pipeline(folder)
    return found


def build_table(name: str, found: Mapping[str, Any]) -> Table:
    """Build a table of one run by step. "The rest" is the time outside of the steps: session, checks, report."""
    table = Table(title=f"{name}, {found['all']:.1f} s in all", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("step", "executions", "jobs", "tasks", "commits", "seconds", "core-seconds"):
        table.add_column(heading, justify="left" if heading == "step" else "right", no_wrap=True)
    for step, seconds in found["seconds"].items():
        table.add_row(step, *_format_row([found[count][step] for count in COUNTS], seconds))
    whole = found["whole"]
    rest = [whole[count] - sum(found[count].values()) for count in COUNTS]
    table.add_row("the rest", *_format_row(rest, found["all"] - sum(found["seconds"].values())))
    table.add_row("all", *_format_row([whole[count] for count in COUNTS], found["all"]))
    return table


def _format_row(counts: list[float], seconds: float) -> list[str]:
    *whole, processors = counts
    return [*(f"{count:,.0f}" for count in whole), f"{seconds:.1f}", f"{processors:.0f}"]
