"""The page: facts and charts in one self-contained HTML file, stored next to those of earlier runs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from spark_jobs.context import Context
from spark_jobs.ledger.status import HourKind
from spark_jobs.observability import metrics
from spark_jobs.report.facts import Facts, gather_facts
from spark_jobs.report.figures import collect_figures
from spark_jobs.session import now

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
    loader = PackageLoader("spark_jobs.report", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"size": format_size, "number": format_number}
    links = {verdict["suite"]: _make_link(verdict["page"], folder) for verdict in facts["verdicts"]}
    changes = compare_runs(facts, before) if before else []
    template = environment.get_template("page.html.jinja")
    return template.render(
        facts=facts, before=before, changes=changes, links=links, figures=collect_figures(facts), kinds=list(HourKind)
    )


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


def format_number(value: float | None) -> str:
    """Format a number for a person: a whole number in full, others to two decimals; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
