"""The cost of each step at 1, 10 and 42 million rows, each from scratch, and the cost of each further million rows."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from benchmarks import process

SIZES = (1_000_000, 10_000_000, 42_000_000)  # 42 million: a month of the real shop
Found = Mapping[int, Mapping[str, Any]]
Measurement = tuple[int, Path, dict[str, Any]]


def measure(scratch: Path, sizes: Sequence[int], generate_file: Callable[[int], Path]) -> Iterator[Measurement]:
    """Run the pipeline at each size; yield the size, the folder of the run and its summary.

    The file of a size is generated just before its run. The file and the folder are deleted before the next size.
    """
    for rows in sizes:
        path = generate_file(rows)
        folder = process.create_folder(scratch)
        (folder / "raw").mkdir()
        path.rename(folder / "raw" / path.name)
        yield rows, folder, process.run_pipeline(folder)
        shutil.rmtree(folder)


def fit_line(sizes: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """Fit a line by least squares; return the value without rows and the increase for each million rows."""
    if len(sizes) == 1:
        return 0.0, values[0] / sizes[0] * 1e6
    slope, base = np.polyfit([size / 1e6 for size in sizes], values, 1)
    return float(base), float(slope)


def build_tables(found: Found) -> list[Table]:
    """Build tables of seconds, shuffled bytes and peak memory of each step, and of bytes and files of each table."""
    steps = list(next(iter(found.values()))["seconds"])
    tables = sorted(next(iter(found.values()))["tables"])

    def build_step_table(title: str, name: str, unit: float) -> Table:
        lines = {step: [summary[name][step] / unit for summary in found.values()] for step in steps}
        return _build_table(title, "step", found, lines)

    def build_file_table(title: str, name: str, unit: float) -> Table:
        lines = {table: [summary["tables"][table][name] / unit for summary in found.values()] for table in tables}
        return _build_table(title, "table", found, lines)

    whole_run = {
        "seconds, load apart": [summary["all"] - summary["seconds"]["load_to_database"] for summary in found.values()],
        "seconds, all": [summary["all"] for summary in found.values()],
        "peak memory of all processes, GB": [summary["peak_bytes"] / 1e9 for summary in found.values()],
        "warehouse, GB": [summary["disk_bytes"] / 1e9 for summary in found.values()],
        "PostgreSQL with its log, GB": [summary["database_bytes"] / 1e9 for summary in found.values()],
    }
    return [
        _build_table("the whole run", "", found, whole_run),
        build_step_table("seconds", "seconds", 1),
        build_step_table("megabytes written for shuffles", "shuffled", 1e6),
        build_step_table("peak memory of all processes, GB", "peak", 1e9),
        build_file_table("megabytes of tables", "bytes", 1e6),
        build_file_table("files of tables", "files", 1),
    ]


def _build_table(title: str, first_heading: str, found: Found, lines: Mapping[str, Sequence[float]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column(first_heading)
    headings = [f"{rows / 1e6:g}M rows" for rows in found] + ["without rows", "each million"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, values in lines.items():
        table.add_row(
            name, *(f"{value:,.1f}" for value in values), *(f"{v:,.2f}" for v in fit_line(list(found), values))
        )
    return table
