"""What a step takes at 1, 10 and 42 million rows, each from scratch, and what that comes to for each million more."""

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
Turn = tuple[int, Path, dict[str, Any]]


def measured(scratch: Path, sizes: Sequence[int], made: Callable[[int], Path]) -> Iterator[Turn]:
    """Each size, the folder that it was run in, the summary. A file is `made` when its turn comes; it and the folder
    go with the turn."""
    for rows in sizes:
        path = made(rows)
        folder = process.folder(scratch)
        (folder / "raw").mkdir()
        path.rename(folder / "raw" / path.name)
        yield rows, folder, process.pipeline(folder)
        shutil.rmtree(folder)


def fitted(sizes: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """The line of least squares through values at sizes: what there is without rows, what each million rows adds."""
    if len(sizes) == 1:
        return 0.0, values[0] / sizes[0] * 1e6
    slope, base = np.polyfit([size / 1e6 for size in sizes], values, 1)
    return float(base), float(slope)


def told(found: Found) -> list[Table]:
    """Seconds, bytes shuffled and peak memory of each step; bytes and files of each table."""
    steps = list(next(iter(found.values()))["seconds"])
    tables = sorted(next(iter(found.values()))["tables"])

    def of_steps(title: str, name: str, unit: float) -> Table:
        lines = {step: [one[name][step] / unit for one in found.values()] for step in steps}
        return _table(title, "step", found, lines)

    def of_tables(title: str, name: str, unit: float) -> Table:
        lines = {table: [one["tables"][table][name] / unit for one in found.values()] for table in tables}
        return _table(title, "table", found, lines)

    whole = {
        "seconds, load apart": [one["all"] - one["seconds"]["load_to_database"] for one in found.values()],
        "seconds, all": [one["all"] for one in found.values()],
        "peak memory of all processes, GB": [one["peak_bytes"] / 1e9 for one in found.values()],
        "warehouse, GB": [one["disk_bytes"] / 1e9 for one in found.values()],
        "PostgreSQL with its log, GB": [one["database_bytes"] / 1e9 for one in found.values()],
    }
    return [
        _table("the whole run", "", found, whole),
        of_steps("seconds", "seconds", 1),
        of_steps("megabytes written for shuffles", "shuffled", 1e6),
        of_steps("peak memory of all processes, GB", "peak", 1e9),
        of_tables("megabytes of tables", "bytes", 1e6),
        of_tables("files of tables", "files", 1),
    ]


def _table(title: str, of: str, found: Found, lines: Mapping[str, Sequence[float]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column(of)
    headings = [f"{rows / 1e6:g}M rows" for rows in found] + ["without rows", "each million"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, values in lines.items():
        table.add_row(name, *(f"{value:,.1f}" for value in values), *(f"{v:,.2f}" for v in fitted(list(found), values)))
    return table
