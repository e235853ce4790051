"""Tables of measurements: the measured seconds, those of the alternative, and the ratio."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table


def build_ratio_table(
    title: str, other: str, lines: Mapping[str, tuple[float, float]], caption: str | None = None
) -> Table:
    """Build a table: for each name our seconds, the seconds of `other`, and the first divided by the second."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", caption=caption)
    for heading in ("step", "pipeline", other, "ratio"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for name, (ours, theirs) in lines.items():
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
    return table


def build_profile(found: Mapping[str, Any], cores: int) -> Table:
    """Build a table of each step of a run: its seconds, the core-seconds of tasks, compiler and all processes, and the
    megabytes that it read and shuffled."""
    table = Table(
        box=box.SIMPLE_HEAD, title=f"where the seconds go; core-seconds of {cores} cores", title_justify="left"
    )
    for heading in ("step", "seconds", "tasks", "compiler", "processors", "busy", "MB read", "MB shuffled"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for step, seconds in found["seconds"].items():
        tasks, compiler, processors = (found[name][step] for name in ("used", "compiler", "processors"))
        figures = f"{seconds:.1f}", f"{tasks:.1f}", f"{compiler:.1f}", f"{processors:.1f}"
        megabytes = (f"{found[name][step] / 1e6:,.0f}" for name in ("read", "shuffled"))
        table.add_row(step, *figures, f"{processors / seconds / cores:.0%}", *megabytes)
    table.add_row("before them: start, lease", f"{found['built'] - sum(found['seconds'].values()):.1f}")
    table.add_row("after them: closing table, report", f"{found['all'] - found['built']:.1f}")
    return table
