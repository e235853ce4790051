"""The page: facts and charts in one self-contained HTML file, stored next to those of earlier runs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from spark_jobs.context import Context
from spark_jobs.observability import metrics
from spark_jobs.report import charts
from spark_jobs.report.facts import Facts, gather_facts
from spark_jobs.session import now
from spark_jobs.settings import ROOT

LATEST = "latest.html"
KEPT = 50  # latest pages, each with its facts


def write(ctx: Context, seconds: Mapping[str, float] | None = None) -> Path:
    """Write the report of the warehouse's current state and return its path, `latest.html`.

    A copy is named by its time. `seconds`: the duration of each step of the run that ends; None: those of each job's
    latest run.
    """
    folder = Path(ctx.settings.paths.reports)
    folder.mkdir(parents=True, exist_ok=True)
    last = max(folder.glob("*.json"), default=None)
    before = json.loads(last.read_text(encoding="utf-8")) if last else None
    facts = gather_facts(ctx, metrics.read_seconds(ctx.settings.paths.metrics) if seconds is None else seconds, before)
    name = f"{now():%Y-%m-%dT%H-%M-%S}"
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    page = render(facts, before, folder)
    for path in (folder / f"{name}.html", folder / LATEST):
        path.write_text(page, encoding="utf-8")
    for old in sorted(folder.glob("2*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".html").unlink(missing_ok=True)
    return folder / LATEST


def render(facts: Facts, before: Facts | None, folder: Path) -> str:
    """Return the page as text. All text from the data is escaped; links are relative to `folder`."""
    loader = FileSystemLoader(ROOT / "spark_jobs" / "report")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["size"] = format_size
    links = {verdict["suite"]: _make_link(verdict["page"], folder) for verdict in facts["verdicts"]}
    changes = compare_runs(facts, before) if before else []
    template = environment.get_template("page.html.jinja")
    return template.render(facts=facts, before=before, changes=changes, links=links, charts=draw_charts(facts))


def draw_charts(facts: Facts) -> dict[str, Markup]:
    """Draw each chart that has data, and return the charts by name."""
    flow = facts["flow"]
    stages = [
        [("landed", flow["raw"], "one")],
        [("valid", flow["valid"], "good"), ("rejected", flow["rejected"], "bad")],
        [("deduplicated, cleaned", flow["kept"], "good"), ("duplicates dropped", flow["dropped"], "set-aside")],
    ]
    if flow["waiting"]:
        stages[1].append(("not yet committed", flow["waiting"], "set-aside"))
    found = {"flow": charts.draw_flow(stages)}
    if facts["hours"]["counts"]:
        found["hours"] = charts.draw_lines(facts["hours"]["at"], facts["hours"]["counts"])
    if facts["seconds"]:
        found["seconds"] = charts.draw_bars("seconds", facts["seconds"], "four", ".1f")
    if facts["rejected"]:
        found["rejected"] = charts.draw_bars(
            "rejected", {row["reason"]: row["rows"] for row in facts["rejected"]}, "bad"
        )
    if "users" in facts:
        found |= _draw_feature_charts(facts)
    return {name: Markup(svg) for name, svg in found.items()}  # their text was escaped when they were drawn


def _draw_feature_charts(facts: Facts) -> dict[str, str]:
    users, items, prices = facts["users"], facts["items"], facts["prices"]
    found = {
        "funnel": charts.draw_bars("funnel", {name: n for name, n in users["reach"].items() if n}, "two"),
        "dropped": charts.draw_bars("dropped", facts["dropped"], "set-aside"),
        "sources": charts.draw_bars("sources", prices["sources"], "three"),
        "categories": charts.draw_bars("categories", items["categories"]),
        "brands": charts.draw_bars("brands", items["brands"]),
        "users": charts.draw_distribution("users", users["bins"], "events of a user", "users"),
        "items": charts.draw_distribution("items", items["bins"], "events of an item", "items"),
    }
    if prices["bins"]:
        found["prices"] = charts.draw_distribution("prices", prices["bins"], "price", "events")
    return found


def compare_runs(facts: Facts, before: Facts) -> list[dict[str, Any]]:
    """Return each count of this report with that of the report before, and the difference."""
    then = _collect_counts(before)
    return [
        {"name": name, "before": then.get(name, 0), "now": count, "change": count - then.get(name, 0)}
        for name, count in _collect_counts(facts).items()
    ]


def _collect_counts(facts: Facts) -> dict[str, int]:
    rows = {f"rows of {table['name']}": table["rows"] for table in facts["tables"]}
    return rows | {f"events: {name}": count for name, count in facts["hours"]["types"].items()}


def _make_link(page: str | None, folder: Path) -> str | None:
    return Path(os.path.relpath(page, folder)).as_posix() if page else None


def format_size(count: float) -> str:
    """Format a number of bytes for a person, in powers of ten."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
