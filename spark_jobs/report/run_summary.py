"""The summary at the end of a run: rows read, rejected, dropped, repaired and written, and where to look next."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich import box
from rich.console import JustifyMethod
from rich.table import Table

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.flow import STEPS
from spark_jobs.inspection import reconciliation
from spark_jobs.observability.console import Console
from spark_jobs.project import typed

MOST_NAMED = 5


def print_run_summary(
    ctx: Context, console: Console, summaries: Mapping[str, Summary], seconds: Mapping[str, float]
) -> None:
    """Print the table of steps and the counting identities. The identities come from the tables' current state."""
    used = {table.name: table for job in STEPS for side in job.counted_tables for table in side}
    counts = {name: ctx.count(table) for name, table in used.items()}
    table = Table(title="rows of the tables, and what this run did", title_justify="left", box=box.SIMPLE_HEAD)
    sides: dict[str, JustifyMethod] = {"step": "left", "rows in": "right", "rows out": "right", "seconds": "right"}
    for heading, justify in sides.items():
        table.add_column(heading, justify=justify, no_wrap=True)
    table.add_column("this run", overflow="fold")
    for job in STEPS:
        if job.name in seconds:
            rows = [_format_rows(counts, side) for side in job.counted_tables]
            table.add_row(job.name, *rows, f"{seconds[job.name]:.1f}", _describe_summary(summaries.get(job.name), used))
    table.add_row("all", "", "", f"{sum(seconds.values()):.1f}", "")
    console.out.print(table)
    for line in [*describe_identities(ctx), *_describe_rejected(ctx), *_describe_time(ctx), *_describe_next_steps(ctx)]:
        console.say(line)


def _format_rows(counts: Mapping[str, int], side: tuple[tables.Table, ...]) -> str:
    return f"{sum(counts[table.name] for table in side):,}" if side else ""


def _describe_summary(summary: Summary | None, columns: Mapping[str, tables.Table]) -> str:
    """Return a job's summary in words, without zeros and without counts that have their own columns."""
    if summary is None:
        return "stopped, see below"
    if summary.get("unchanged"):
        return f"nothing to do, as of {summary['as_of']}"
    counts = [_describe_count(key, value) for key, value in summary.items() if key not in columns]
    return "; ".join(filter(None, counts)) or "nothing to do"


def _describe_count(key: str, value: object) -> str:
    """Return `hours_loaded: 3` as "hours loaded 3"; an empty text for zero."""
    name = key.replace("_", " ")
    if isinstance(value, Mapping):
        counted = ", ".join(f"{part} {count:,}" for part, count in value.items() if count)
        return counted and f"{name}: {counted}"
    if value in (0, "0.00"):
        return ""
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"


def describe_identities(ctx: Context) -> Iterator[str]:
    """Yield each counting identity as a sentence. Raises IdentityError where one does not hold."""
    found = reconciliation.reconcile_events(ctx)
    line = (
        f"checked: raw {found['raw_events']:,} = user_events {found['user_events']:,} + rejected "
        f"{found['rejected_events']:,} + not yet committed {found['not_yet_committed']:,}"
    )
    if found["earlier_rows_standing"]:
        line += f" ({found['earlier_rows_standing']:,} rows of earlier content stand for units that were stopped)"
    yield line
    of_files = reconciliation.reconcile_records(ctx)
    yield (
        f"checked: records of the files {of_files['records']:,} = raw {of_files['raw_events']:,} + suppressed "
        f"{of_files['suppressed']:,}"
    )
    rows_in, rows_out = reconciliation.reconcile_deduplicated(ctx)
    yield f"checked: user_events {rows_in:,} = deduped {rows_out:,} + dropped {rows_in - rows_out:,}"


def _describe_rejected(ctx: Context) -> Iterator[str]:
    reasons: Counter[str] = Counter()
    for row in ctx.ledger.hours():
        reasons.update(dict(row["reasons"] or {}))
    yield f"rejected by reason: {', '.join(f'{name} {count:,}' for name, count in reasons.most_common()) or 'none'}"


def _describe_time(ctx: Context) -> Iterator[str]:
    statuses = Counter(state.status for state in ctx.ledger.states() if state.hour and state.status and state.has_rows)
    days = ctx.ledger.days()
    empty = sum(day["hours_empty"] for day in days)
    counted = [*statuses.most_common(), *([("empty", empty)] if empty else [])]
    hours = ", ".join(f"{count:,} {status}" for status, count in counted)
    built, partial = sum(day["built"] for day in days), [day for day in days if not day["complete"]]
    yield f"hours: {hours or 'none'}; days: {len(days):,} with data, {built:,} built, {len(partial):,} incomplete"
    if partial:
        named_days = ", ".join(
            f"{day['day']} ({24 - day['hours_missing']} of 24 hours)" for day in partial[:MOST_NAMED]
        )
        more = f" and {len(partial) - MOST_NAMED:,} more" if len(partial) > MOST_NAMED else ""
        yield f"incomplete: {named_days}{more}; built from the hours that have data, and built again when others land"


def _describe_next_steps(ctx: Context) -> Iterator[str]:
    sql, *others = map(typed, ("sql", "psql", "status", "export"))
    yield f"where to look next: {sql} (every table by name), {', '.join(others)}"
    yield f"verdicts and Data Docs: {Path(ctx.settings.paths.quality) / 'docs' / 'index.html'}"
