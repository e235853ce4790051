"""A bar chart of the medians."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

OURS, OTHERS = "#0072b2", "#e69f00"  # colour-blind readers can distinguish these two


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the seconds of each step for the pipeline and for DuckDB (for the load: psql's COPY), and write an SVG."""
    medians = result["medians"]
    bars = {step: tuple(pair.values()) for step, pair in medians["steps"].items()}
    bars["load_to_database"] = tuple(medians["load_to_database"].values())
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    positions = range(len(bars))
    axes.barh(
        [position - 0.2 for position in positions],
        [pair[0] for pair in bars.values()],
        0.4,
        label="pipeline",
        color=OURS,
    )
    other_label = "DuckDB (load: psql's COPY)"
    axes.barh(
        [position + 0.2 for position in positions],
        [pair[1] for pair in bars.values()],
        0.4,
        label=other_label,
        color=OTHERS,
    )
    axes.set_yticks(list(positions), list(bars))
    axes.invert_yaxis()
    axes.set_xlabel("seconds, medians")
    facts = result["facts"] | result["input"]
    axes.set_title(f"{facts['rows']} rows, {facts['input']}, {facts['cores']} cores, heap {facts['heap']}")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
