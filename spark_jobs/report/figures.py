"""The figures of the page: the table of each chart, and its drawing unless the page draws it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from spark_jobs.ledger.status import HourKind
from spark_jobs.report import charts
from spark_jobs.report.facts import BINS_A_DECADE, Facts


@dataclass(frozen=True)
class Figures:
    """A table and its chart as SVG (empty: the page draws it). The text in the SVG was escaped when it was drawn."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    svg: str = ""


def collect_figures(facts: Facts) -> dict[str, Figures]:
    """Return the figures of each chart that has data, by name."""
    found = {"calendar": _list_days(facts["calendar"]["days"]), "flow": _draw_flow(facts["flow"])}
    if facts["runs"]:
        found["runs"] = _draw_runs(facts["runs"])
    if facts["hours"]["counts"]:
        found["hours"] = _draw_hours(facts["hours"]["at"], facts["hours"]["counts"])
    if facts["seconds"]:
        found["seconds"] = _draw_bars("seconds", ("step", "seconds"), facts["seconds"], "four", ".1f")
    if facts["rejected"]:
        by_reason = {row["reason"]: row["rows"] for row in facts["rejected"]}
        found["rejected"] = _draw_bars("rejected", ("reason", "rows"), by_reason, "bad")
    if "users" in facts:
        found |= _draw_feature_charts(facts)
    return found


def _list_days(days: Sequence[Mapping[str, Any]]) -> Figures:
    """Return a row for each day of the calendar: rows, number of hours of each kind, and which hours these are."""
    rows = []
    for day in days:
        counts = [day["hours"].count(kind) for kind in HourKind]
        rows.append((day["day"], day["rows"], *counts, _describe_hours(day["hours"])))
    return Figures(("day", "rows landed", *HourKind, "which hours"), rows)


def _describe_hours(kinds: Sequence[str]) -> str:
    """Return the kinds of a day's hours as '00 to 04 loaded, 05 stopped, 06 to 23 loaded'."""
    texts = []
    for kind, group in groupby(range(len(kinds)), key=lambda hour: kinds[hour]):
        first, *others = group
        texts.append(f"{first:02d} to {others[-1]:02d} {kind}" if others else f"{first:02d} {kind}")
    return ", ".join(texts)


def _draw_runs(runs: Sequence[Mapping[str, Any]]) -> Figures:
    shares = [100 * run["rejected"] / run["rows"] if run["rows"] else None for run in runs]
    trends = {"rows": [run["rows"] for run in runs], "rejected, % of rows": shares}
    trends |= {title: [run[name] for run in runs] for title, name in (("mean price", "mean_price"), ("seconds",) * 2)}
    headings = ("run (UTC)", "hours", *trends)
    rows = zip((run["at"] for run in runs), (run["hours"] for run in runs), *trends.values(), strict=True)
    return Figures(headings, list(rows), charts.draw_trends([run["at"] for run in runs], trends))


def _draw_flow(flow: Mapping[str, int]) -> Figures:
    """Return where the rows went: first all, then what validation made of them, then what deduplication kept."""
    stages = (
        ("landed", "raw", "one"),
        ("valid", "valid", "good"),
        ("rejected", "rejected", "bad"),
        ("not yet committed", "waiting", "set-aside"),
        ("valid and kept", "kept", "good"),
        ("valid, but a duplicate", "dropped", "set-aside"),
    )
    shown = [stage for stage in stages if flow[stage[1]] or stage[1] != "waiting"]
    rows = {label: flow[name] for label, name, _ in shown}
    return _draw_bars("flow", ("stage", "rows"), rows, [colour for *_, colour in shown])


def _draw_hours(at: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Figures:
    rows = list(zip(at, *counts.values(), strict=True))
    return Figures(("hour (UTC)", *counts), rows, charts.draw_lines(at, counts))


def _draw_feature_charts(facts: Facts) -> dict[str, Figures]:
    users, items, prices = facts["users"], facts["items"], facts["prices"]
    reach = {name: n for name, n in users["reach"].items() if n}
    found = {
        "funnel": _draw_bars("funnel", ("event type", "users"), reach, "two"),
        "dropped": _draw_bars("dropped", ("event type", "rows dropped"), facts["dropped"], "set-aside"),
        "sources": _draw_bars("sources", ("source", "events"), prices["sources"], "three"),
        "categories": _draw_bars("categories", ("category", "events"), items["categories"]),
        "brands": _draw_bars("brands", ("brand", "events"), items["brands"]),
        "users": _draw_distribution("users", ("events of a user", "users"), users["bins"], _name_counts),
        "items": _draw_distribution("items", ("events of an item", "items"), items["bins"], _name_counts),
    }
    if prices["bins"]:
        found["prices"] = _draw_distribution("prices", ("price", "events"), prices["bins"], _name_prices)
    return found


def _draw_bars(
    name: str,
    headings: tuple[str, str],
    values: Mapping[str, float],
    colour: str | Sequence[str] = "one",
    form: str = ",.0f",
) -> Figures:
    return Figures(headings, list(values.items()), charts.draw_bars(name, values, colour, form))


def _draw_distribution(
    name: str, headings: tuple[str, str], bins: Mapping[int, int], name_bin: Callable[[float, float], str]
) -> Figures:
    edges = {place: (10 ** (place / BINS_A_DECADE), 10 ** ((place + 1) / BINS_A_DECADE)) for place in bins}
    rows = [(name_bin(*edges[place]), count) for place, count in bins.items()]
    return Figures(headings, rows, charts.draw_distribution(name, bins, *headings))


def _name_counts(low: float, high: float) -> str:
    """Return the whole numbers from `low` to below `high`: '3', '4 to 6'."""
    first, last = math.ceil(low), math.ceil(high) - 1
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _name_prices(low: float, high: float) -> str:
    return f"{low:,.2f} to {high:,.2f}"
