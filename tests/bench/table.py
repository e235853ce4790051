"""How a measurement is printed: what was timed, beside what, and the ratio."""

from collections.abc import Mapping

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
