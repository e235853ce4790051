"""The charts of the report: SVG by matplotlib, in the page's own colours, so that light and dark both read well."""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import cycle, pairwise
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.typing import RcKeyType

from spark_jobs.report.facts import BINS_A_DECADE
from spark_jobs.windows import HOUR

# Matplotlib draws in these colours. `_render_svg` replaces each by a variable that the page's colour scheme sets.
VARIABLES = {"#010101": "--ink", "#020202": "--muted", "#030303": "--grid", "#0a0a0a": "--good", "#0b0b0b": "--bad"}
VARIABLES |= {
    "#0c0c0c": "--set-aside",
    "#0d0d0d": "--one",
    "#0e0e0e": "--two",
    "#0f0f0f": "--three",
    "#101010": "--four",
}
COLOUR = {name.removeprefix("--"): value for value, name in VARIABLES.items()}
SERIES = (("one", "-"), ("two", "--"), ("three", "-."), ("four", ":"))  # colour and style of each line
STYLE: dict[RcKeyType, Any] = {
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
LONGEST_GAP, MOST_TICKS = 24, 8  # chart of hours: width of the longest gap, in hours; number of labels
MOST_TIMES = 10  # trends: a value that is more times as large as another one gets a logarithmic axis
WIDTH, WIDE = 4.6, 9.9  # inches; at the first one, the text is still readable on a phone


def draw_lines(at: Sequence[str], counts: Mapping[str, Sequence[int]]) -> str:
    """Draw the events per hour: a line for each type, on a logarithmic axis. `at`: the hours that have events.

    Hours without events are shaded; a longer gap is as wide as LONGEST_GAP hours. The cost grows with the number of
    hours that have events, not with the time between them.
    """
    hours = [datetime.strptime(text, "%Y-%m-%dT%H") for text in at]
    places = _place_hours(hours)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDE, 3.2))
        for name, (colour, style) in zip(counts, cycle(SERIES), strict=False):
            points = _compute_steps(places, counts[name])
            axes.step(*points, where="post", color=COLOUR[colour], linestyle=style, label=name, lw=1.4)
        empty = [(place + 1, after - place - 1) for place, after in pairwise(places) if after > place + 1]
        area = axes.get_xaxis_transform()
        axes.broken_barh(empty, (0, 1), transform=area, color=COLOUR["bad"], alpha=0.3, lw=0)
        axes.set_xlim(0, places[-1] + 1)
        axes.set_yscale("log")
        axes.set_ylim(_widen_to_decades(*axes.get_ylim()))
        _label_axis(axes.yaxis)
        axes.set_ylabel("events an hour (log)")
        axes.grid(axis="y", lw=0.6)
        axes.set_xticks(*_choose_ticks(hours, places))
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))
        return _render_svg(figure, "lines")


def _place_hours(hours: Sequence[datetime]) -> list[int]:
    """Return the position of each hour on the axis: an hour is 1 wide, a gap at most LONGEST_GAP."""
    places = [0]
    for before, after in pairwise(hours):
        places.append(places[-1] + min((after - before) // HOUR, LONGEST_GAP + 1))
    return places


def _compute_steps(places: Sequence[int], counts: Sequence[int]) -> tuple[list[int], list[float]]:
    """Return the points of a line that stops where a gap begins, and at the end of the last hour."""
    x, y = [], []
    for i, (place, count) in enumerate(zip(places, counts, strict=True)):
        x.append(place)
        y.append(count or math.nan)
        if i + 1 == len(places) or places[i + 1] > place + 1:
            x.append(place + 1)
            y.append(y[-1] if i + 1 == len(places) else math.nan)
    return x, y


def _choose_ticks(hours: Sequence[datetime], places: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return positions and texts of at most MOST_TICKS labels, far enough apart: days, or hours of a single day."""
    one_day = hours[0].date() == hours[-1].date()
    labels: dict[int, str] = {}
    days = set()
    for hour, place in zip(hours, places, strict=True):
        first_of_day = hour.date() not in days
        days.add(hour.date())
        is_far = not labels or place - max(labels) >= (places[-1] + 1) / MOST_TICKS
        if is_far and (one_day or first_of_day):
            labels[place] = f"{hour:%H:00}" if one_day else f"{hour:%Y-%m-%d}"
    return list(labels), list(labels.values())


def draw_trends(at: Sequence[str], trends: Mapping[str, Sequence[float | None]]) -> str:
    """Draw the trends below each other, with a point for each run, the oldest on the left. None: there is no value."""
    with plt.rc_context(STYLE):
        size = WIDTH, 1.3 * len(trends)
        figure, grid = plt.subplots(len(trends), figsize=size, sharex=True, squeeze=False, layout="constrained")
        for axes, (title, values) in zip(grid[:, 0], trends.items(), strict=True):
            axes.plot([math.nan if value is None else value for value in values], marker=".", color=COLOUR["one"])
            last = "" if values[-1] is None else f", last: {round(values[-1], 2):,.10g}"
            axes.set_title(title + last, loc="left", fontsize=10)
            _scale_trend(axes, [value for value in values if value is not None])
            axes.grid(axis="y", lw=0.6)
        ends = {0: at[0], len(at) - 1: at[-1]}
        axes.set_xticks(list(ends), list(ends.values()))
        for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=False):
            label.set_horizontalalignment(side)
        return _render_svg(figure, "runs")


def _scale_trend(axes: Axes, values: Sequence[float]) -> None:
    """Begin the axis at 0, or make it logarithmic where one value would hide the others, as a first run often does."""
    if values and 0 < MOST_TIMES * min(values) < max(values):
        axes.set_yscale("log")
        axes.set_ylabel("log")
        axes.set_ylim(_widen_to_decades(*axes.get_ylim()))
        _label_axis(axes.yaxis)
    else:
        axes.set_ylim(0, 1.1 * max(values, default=0) or 1)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_formatter("{x:,.10g}")


def draw_bars(name: str, values: Mapping[str, float], colour: str | Sequence[str] = "one", form: str = ",.0f") -> str:
    """Draw a horizontal bar for each value, the first on top, with the value next to its bar.

    `colour`: of all bars, or of each bar.
    """
    colours = [COLOUR[each] for each in ([colour] if isinstance(colour, str) else colour)]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH, 0.1 + 0.32 * len(values)), layout="constrained")
        places = range(len(values))
        bar_container = axes.barh(places, list(values.values()), color=colours, height=0.7)
        axes.bar_label(bar_container, [f"{value:{form}}" for value in values.values()], padding=4, color=COLOUR["ink"])
        axes.set_yticks(places, [label if len(label) < 32 else label[:30] + "…" for label in values])
        axes.tick_params(axis="y", length=0, labelcolor=COLOUR["ink"])
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.invert_yaxis()
        axes.margins(x=0.22, y=0.02)
        return _render_svg(figure, name)


def draw_distribution(name: str, bins: Mapping[int, int], what: str, of: str) -> str:
    """Draw counts in logarithmic bins. Both axes are logarithmic, so that a long tail is a falling line."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
        places = sorted(bins)
        edges = [10 ** (place / BINS_A_DECADE) for place in (*places, places[-1] + 1)]
        axes.stairs([bins[place] or 0.5 for place in places], edges, fill=True, color=COLOUR["one"], baseline=0.5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(_widen_to_decades(edges[0], edges[-1]))
        axes.set_ylim(0.5, _widen_to_decades(1, axes.get_ylim()[1])[1])
        axes.set_xlabel(f"{what} (log)")
        axes.set_ylabel(f"{of} (log)")
        for axis in (axes.xaxis, axes.yaxis):
            _label_axis(axis)
        axes.grid(axis="y", lw=0.6)
        return _render_svg(figure, name)


def _widen_to_decades(low: float, high: float) -> tuple[float, float]:
    """Return limits of a logarithmic axis. Less than a decade is widened to whole decades, so that it has a label."""
    if high / low >= 10:
        return low, high
    return 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))


def _label_axis(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers: each decade, and also 2 and 5 if there are at most two decades."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low <= 100 else (1.0,), numticks=MOST_TICKS))
    axis.set_major_formatter(_format_plain)
    axis.set_minor_formatter(NullFormatter())


def _format_plain(value: float, _: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _render_svg(figure: Figure, name: str) -> str:
    """Return the figure as an <svg> element for a page: unique ids (by `name`), the page's colours and font."""
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it measures text with its own font, which does not have every letter
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
