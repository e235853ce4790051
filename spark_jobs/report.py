"""The closing table of a run: what was read, rejected, dropped, repaired and written, and where to look next."""

from collections.abc import Mapping

from pyspark.sql import functions as F
from rich.table import Table

from spark_jobs import identity, tables
from spark_jobs.console import Console
from spark_jobs.context import Context, Summary

STEPS = {
    "extract_events": (None, "raw_events"),
    "validate_data_quality": ("raw_events", "user_events"),
    "load_to_database": ("user_events", None),
    "remove_duplicates": ("user_events", "deduped_events"),
    "handle_missing_values": ("deduped_events", "cleaned_events"),
    "create_user_item_matrix": ("cleaned_events", "user_item_matrix"),
    "feature_engineering": ("cleaned_events", "user_features"),
}


def closing(ctx: Context, console: Console, summaries: Mapping[str, Summary], seconds: Mapping[str, float]) -> None:
    """Prints the table and the identities, the latter from the tables as they stand."""
    counts = {table.name: ctx.storage.read(table).count() for table in tables.ALL}
    table = Table(title="what happened", title_justify="left", expand=False)
    for heading in ("step", "rows in", "rows out", "this run", "seconds"):
        table.add_column(heading, justify="left" if heading in ("step", "this run") else "right", overflow="fold")
    for name, (source, target) in STEPS.items():
        if name in seconds:
            rows = [f"{counts[place]:,}" if place else "" for place in (source, target)]
            table.add_row(name, *rows, _words(summaries.get(name)), f"{seconds[name]:.1f}")
    table.add_row("all", "", "", "", f"{sum(seconds.values()):.1f}")
    console.out.print(table)
    for line in [*_identities(ctx, counts), *_details(ctx), *_next(ctx)]:
        console.say(line)


def _words(summary: Summary | None) -> str:
    if summary is None:
        return "stopped, see below"
    shown = {
        key: value for key, value in summary.items() if key not in tables_by_name() and value not in (0, {}, "0.00")
    }
    return "; ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in shown.items()) or "nothing to do"


def tables_by_name() -> set[str]:
    """Names whose counts stand in columns of their own."""
    return {table.name for table in tables.ALL}


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(count)}" for key, count in value.items() if count)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _identities(ctx: Context, counts: Mapping[str, int]) -> list[str]:
    """Both counting identities; `identity.events` raises where the first does not hold."""
    found = identity.events(ctx)
    line = (
        f"checked: raw {found['raw_events']:,} = user_events {found['user_events']:,} + rejected "
        f"{found['rejected_events']:,} + not yet committed {found['not_yet_committed']:,}"
    )
    if found["earlier_rows_standing"]:
        line += f" ({found['earlier_rows_standing']:,} rows of earlier content stand for units that were stopped)"
    rows_in, rows_out = identity.deduplicated(ctx)
    dropped = rows_in - rows_out
    return [line, f"checked: user_events {rows_in:,} = deduped {counts['deduped_events']:,} + dropped {dropped:,}"]


def _details(ctx: Context) -> list[str]:
    reasons = (
        ctx.storage.read(tables.REJECTED_EVENTS)
        .select(F.explode("reasons").alias("reason"))
        .groupBy("reason")
        .count()
        .orderBy(F.desc("count"))
        .collect()
    )
    hours = {
        row.status: row["count"] for row in ctx.storage.read(tables.HOUR_STATUS).groupBy("status").count().collect()
    }
    days = ctx.storage.read(tables.DAY_STATUS).agg(F.count("*"), F.count_if("complete"), F.count_if("built")).first()
    rejected = ", ".join(f"{row.reason} {row['count']:,}" for row in reasons) or "none"
    committed = ", ".join(
        f"{hours[name]:,} {name}" for name in ("loaded", "empty", "stopped", "committed") if name in hours
    )
    return [
        f"rejected by reason: {rejected}",
        f"hours: {committed or 'none'}; days: {days[0]:,} with data, {days[1]:,} complete, {days[2]:,} built",
    ]


def _next(ctx: Context) -> list[str]:
    return [
        "look next: make sql (every table by name), make psql, make status, make export; "
        f"verdicts and Data Docs: {ctx.settings.paths.quality}/docs/index.html"
    ]
