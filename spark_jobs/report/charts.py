"""The charts of the report: matplotlib's SVG, with the page's own colours so that light and dark both read well."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime

import matplotlib

matplotlib.use("svg")
import matplotlib.dates as mdates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from spark_jobs.report.facts import BINS_A_DECADE
from spark_jobs.windows import HOUR

# Matplotlib draws in these colours; the page replaces each by a variable that its colour scheme sets.
VARIABLES = {"#010101": "--ink", "#020202": "--muted", "#030303": "--grid", "#0a0a0a": "--good", "#0b0b0b": "--bad"}
VARIABLES |= {
    "#0c0c0c": "--set-aside",
    "#0d0d0d": "--one",
    "#0e0e0e": "--two",
    "#0f0f0f": "--three",
    "#101010": "--four",
}
COLOUR = {name.removeprefix("--"): value for value, name in VARIABLES.items()}
SERIES = ("one", "two", "three", "four")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": COLOUR["ink"],
    "axes.labelcolor": COLOUR["muted"],
    "axes.edgecolor": COLOUR["grid"],
    "xtick.color": COLOUR["muted"],
    "ytick.color": COLOUR["muted"],
    "grid.color": COLOUR["grid"],
    "axes.spines.top": False,
    "axes.spines.right": False,
}
BAR, THINNEST, LINE, GAP = 0.06, 0.008, 0.16, 0.06  # of the flow: a bar's width; a part, its label, the room between
WIDTH = 5.2  # inches; a phone shows it without shrinking the text below what can be read


def flow(stages: Sequence[Sequence[tuple[str, int, str]]]) -> str:
    """Rows through the stages: each is (name, rows, colour) from top to bottom, and splits the first of the stage
    before."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH * 1.9, 3.2))
        whole = sum(rows for _, rows, _ in stages[0]) or 1
        for x, stage in enumerate(stages):
            source = place = 1.0  # upper edges: of what is left of the part before, and of what is drawn
            for name, rows, colour in stage:
                height = max(rows / whole, THINNEST) if rows else 0
                axes.add_patch(Rectangle((x, place - height), BAR, height, color=COLOUR[colour], lw=0))
                if x:
                    _ribbon(axes, (x - 1 + BAR, source), (x, place), height, colour)
                axes.text(x + BAR + 0.02, place - height / 2, f"{name}\n{rows:,}", va="center", fontsize=11)
                source, place = source - rows / whole, place - max(height, LINE) - GAP
        axes.set_xlim(0, len(stages) - 0.45)
        axes.autoscale_view(scalex=False)
        axes.axis("off")
        return _svg(figure, "flow")


def _ribbon(axes: Axes, start: tuple[float, float], end: tuple[float, float], height: float, colour: str) -> None:
    """A band between the upper corners `start` and `end`."""
    middle = (start[0] + end[0]) / 2
    there = [start, (middle, start[1]), (middle, end[1]), end]
    back = [(x, y - height) for x, y in reversed(there)]
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3]
    axes.add_patch(PathPatch(Outline(there + back, codes), color=COLOUR[colour], alpha=0.3, lw=0))


def lines(first: str, counts: Mapping[str, Sequence[int]]) -> str:
    """Events per hour, a line for each type on a logarithmic axis; hours without any event are shaded."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH * 1.9, 3.2))
        start = datetime.strptime(first, "%Y-%m-%dT%H")
        times = [start + i * HOUR for i in range(max(map(len, counts.values())))]
        for name, series in zip(counts, SERIES, strict=False):
            axes.step(times, [n or None for n in counts[name]], where="post", color=COLOUR[series], label=name, lw=1.4)
        for i, time in enumerate(times):
            if not any(of[i] for of in counts.values()):
                axes.axvspan(time, time + HOUR, color=COLOUR["bad"], alpha=0.3, lw=0)
        axes.set_xlim(start, times[-1] + HOUR)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_plain)
        axes.set_ylabel("events an hour (log)")
        axes.grid(axis="y", lw=0.6)
        locator = mdates.AutoDateLocator(maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))
        return _svg(figure, "lines")


def bars(name: str, values: Mapping[str, float], colour: str = "one", form: str = ",.0f") -> str:
    """A horizontal bar for each value, with the value beside it, the first on top."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH, 0.5 + 0.32 * len(values)))
        places = range(len(values))
        drawn = axes.barh(places, list(values.values()), color=COLOUR[colour], height=0.7)
        axes.bar_label(drawn, [f"{value:{form}}" for value in values.values()], padding=4, color=COLOUR["ink"])
        axes.set_yticks(places, [label if len(label) < 32 else label[:30] + "…" for label in values])
        axes.tick_params(axis="y", length=0, labelcolor=COLOUR["ink"])
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.invert_yaxis()
        axes.margins(x=0.22, y=0.02)
        return _svg(figure, name)


def distribution(name: str, bins: Mapping[int, int], what: str, of: str) -> str:
    """Counts in logarithmic bins, both axes logarithmic: a long tail is a falling line."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
        places = sorted(bins)
        edges = [10 ** (place / BINS_A_DECADE) for place in (*places, places[-1] + 1)]
        axes.stairs([bins[place] or 0.5 for place in places], edges, fill=True, color=COLOUR["one"], baseline=0.5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)
        axes.set_xlabel(f"{what} (log)")
        axes.set_ylabel(f"{of} (log)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_plain)
        axes.grid(axis="y", lw=0.6)
        return _svg(figure, name)


def _plain(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _svg(figure: plt.Figure, name: str) -> str:
    """The figure as an <svg> element to be put into a page: names of its own, the page's colours and font."""
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it measures text with a font of its own, which has not every letter
        figure.savefig(text, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' width="[^"]*pt"| height="[^"]*pt"', "", svg, count=2)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: (\d+px)[^;\"]*", r"font: \1 inherit; font-family: inherit", svg)
    for value, variable in VARIABLES.items():
        svg = svg.replace(value, f"var({variable})")
    return svg
