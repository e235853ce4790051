"""How a measurement is printed: what was timed, beside what, and the ratio."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table


def ratios(title: str, beside: str, lines: Mapping[str, tuple[float, float]], caption: str | None = None) -> Table:
    """A line for each name with its seconds, those of `beside`, and the first by the second."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", caption=caption)
    for heading in ("step", "pipeline", beside, "ratio"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for name, (ours, theirs) in lines.items():
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
    return table


def profile(found: Mapping[str, Any], cores: int) -> Table:
    """Where the seconds of a run went: by step, beside those in which its tasks ran, the compiler worked and all
    processes worked, on all cores; and what it read and shuffled."""
    table = Table(
        box=box.SIMPLE_HEAD, title=f"where the seconds go; core-seconds of {cores} cores", title_justify="left"
    )
    for heading in ("step", "seconds", "tasks", "compiler", "processors", "busy", "MB read", "MB shuffled"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for step, seconds in found["seconds"].items():
        tasks, compiler, processors = (found[name][step] for name in ("used", "compiler", "processors"))
        figures = f"{seconds:.1f}", f"{tasks:.1f}", f"{compiler:.1f}", f"{processors:.1f}"
        moved = (f"{found[name][step] / 1e6:,.0f}" for name in ("read", "shuffled"))
        table.add_row(step, *figures, f"{processors / seconds / cores:.0%}", *moved)
    table.add_row("before them: start, lease", f"{found['built'] - sum(found['seconds'].values()):.1f}")
    table.add_row("after them: closing table, report", f"{found['all'] - found['built']:.1f}")
    return table
