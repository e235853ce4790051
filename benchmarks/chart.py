"""The medians as a bar chart."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

OURS, OTHERS = "#0072b2", "#e69f00"  # told apart by colour-blind readers too


def draw(result: dict[str, Any], path: Path) -> None:
    """Seconds of each step, the pipeline beside DuckDB (for the load: psql's COPY), written as SVG."""
    medians = result["medians"]
    lines = {step: tuple(pair.values()) for step, pair in medians["steps"].items()}
    lines["load_to_database"] = tuple(medians["load_to_database"].values())
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    places = range(len(lines))
    axes.barh(
        [place - 0.2 for place in places], [pair[0] for pair in lines.values()], 0.4, label="pipeline", color=OURS
    )
    beside = "DuckDB (load: psql's COPY)"
    axes.barh([place + 0.2 for place in places], [pair[1] for pair in lines.values()], 0.4, label=beside, color=OTHERS)
    axes.set_yticks(list(places), list(lines))
    axes.invert_yaxis()
    axes.set_xlabel("seconds, medians")
    facts = result["facts"] | result["input"]
    axes.set_title(f"{facts['rows']} rows, {facts['input']}, {facts['cores']} cores, heap {facts['heap']}")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
