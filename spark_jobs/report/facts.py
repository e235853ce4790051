"""The figures of the report, counted from the ledger and the tables: plain values for JSON, never rows of events."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Rows
from pyspark.sql import functions as F

from spark_jobs import matrix, tables
from spark_jobs.context import Context
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.log import NOTHING
from spark_jobs.delta.predicates import in_days
from spark_jobs.inspection import reconciliation
from spark_jobs.ledger.day_counts import dropped_by_type
from spark_jobs.ledger.status import window_key
from spark_jobs.report import history
from spark_jobs.report.verdicts import read_verdicts
from spark_jobs.session import now
from spark_jobs.tables import PriceSource, Table
from spark_jobs.transforms.interactions import COUNT
from spark_jobs.windows import HOUR, Window, describe_windows, gaps

Facts = dict[str, Any]
BINS_A_DECADE = 5  # of the logarithmic distributions
MOST_SHOWN = 12
MOST_EXAMPLES = 60  # characters of a rejected row
COUNTED = 2  # increase it when a figure is counted differently


def gather_facts(ctx: Context, seconds: Mapping[str, float], before: Facts | None = None) -> Facts:
    """Return all figures of the page except the comparison. `seconds`: duration of each step of the reported run.

    A figure of `before`, the facts of an earlier report, is reused where the tables behind it have not changed.
    """
    ctx = ctx.pin()
    queries = {name: count for name, (count, tables_of) in QUERIES.items() if _are_written(ctx, tables_of)}
    types = {"types": f"{ctx.settings.events.names} {ctx.settings.events.funnel}"}
    versions = {name: types | {table.name: _fingerprint(ctx, table) for table in QUERIES[name][1]} for name in queries}
    known = _reuse_figures(before or {}, versions)
    queries = {name: count for name, count in queries.items() if name not in known}
    counted = (
        run_concurrently(ctx.spark, *(lambda count=count: count(ctx) for count in queries.values())) if queries else []
    )
    found = {
        "made_at": f"{now():%Y-%m-%d %H:%M:%S} UTC",
        "warehouse": ctx.settings.paths.warehouse,
        "versions": versions,
        "seconds": dict(seconds),
        "calendar": history.build_calendar(ctx.ledger.states()),
        "runs": history.add_run(ctx.ledger.hours(), seconds, (before or {}).get("runs", [])),
        "flow": count_flow(ctx),
        "verdicts": read_verdicts(Path(ctx.settings.paths.quality)),
        "tables": [measure_table(ctx, table) for table in tables.ALL if ctx.ledger.version(table) != NOTHING],
    }
    return found | known | dict(zip(queries, counted, strict=True))


def _are_written(ctx: Context, of: Sequence[Table]) -> bool:
    """Return whether these tables are written. Figures of tables built by day are shown once features exist."""
    daily = of not in ((tables.USER_EVENTS,), (tables.REJECTED_EVENTS,))
    return not daily or ctx.ledger.version(tables.USER_FEATURES) != NOTHING


def _fingerprint(ctx: Context, table: Table) -> str:
    """Return what a figure depends on: the way it is counted, and the content of a table."""
    return f"{COUNTED}:{ctx.storage.fingerprint(table, ctx.ledger.version(table))}"


def _reuse_figures(before: Facts, versions: Mapping[str, Any]) -> Facts:
    """Return the figures of an earlier report whose tables are unchanged. Its JSON has the numbers of bins as text."""
    earlier = before.get("versions", {})
    known = {name: before[name] for name, now in versions.items() if name in before and earlier.get(name) == now}
    for fact in known.values():
        if "bins" in fact:
            fact["bins"] = {int(place): count for place, count in fact["bins"].items()}
    return known


def count_flow(ctx: Context) -> dict[str, int]:
    """Count rows by where they went, from raw to cleaned. The counting identities are checked on the way."""
    found = reconciliation.reconcile_events(ctx)
    rows_in, rows_out = reconciliation.reconcile_deduplicated(ctx)
    return {
        "raw": found["raw_events"],
        "valid": found["user_events"],
        "rejected": found["rejected_events"],
        "waiting": found["not_yet_committed"],
        "kept": rows_out,
        "dropped": rows_in - rows_out,
    }


def count_hours(ctx: Context) -> dict[str, Any]:
    """Count valid events by type and hour. `at`: the hours that have events; `gaps`: those between that have none."""
    hour = F.date_trunc("hour", "timestamp").alias("hour")
    counted = ctx.read(tables.USER_EVENTS).groupBy(hour, "event_type").count().collect()
    if not counted:
        return {"at": [], "counts": {}, "gaps": "", "types": {}}
    found = {(row.hour, row.event_type): row["count"] for row in counted}
    at, types = sorted({hour for hour, _ in found}), {name for _, name in found}
    counts = {name: [found.get((hour, name), 0) for hour in at] for name in ctx.settings.events.names if name in types}
    empty = describe_windows(gaps(Window(at[0], at[-1] + HOUR, HOUR), at), HOUR, most=6)
    totals = {name: sum(of) for name, of in counts.items()}
    return {"at": [window_key(hour) for hour in at], "counts": counts, "gaps": empty, "types": totals}


def count_rejected(ctx: Context) -> list[dict[str, Any]]:
    """Return each reason with its rows, files and an example (the first by its text), the most frequent first."""
    by_reason = (
        ctx.read(tables.REJECTED_EVENTS)
        .select(F.explode("reasons").alias("reason"), "raw_text", "file_name")
        .groupBy("reason")
        .agg(
            F.count("*").alias("rows"), F.count_distinct("file_name").alias("files"), F.min("raw_text").alias("example")
        )
        .orderBy(F.desc("rows"), "reason")
    )
    return [row.asDict() | {"example": row.example[:MOST_EXAMPLES]} for row in by_reason.collect()]


def count_dropped(ctx: Context) -> dict[str, int]:
    """Count the dropped duplicates by event type: valid events of the days that are built, minus those that were kept.

    Each build has recorded its own counts. The tables are read only where an older version of the project built a day.
    """
    builds = {day: row for day, row in ctx.ledger.builds("remove_duplicates").items() if row["rows_out"]}
    counted = [dropped_by_type(row["counts"]) for row in builds.values()]
    if all(counted):
        types = [name for name in ctx.settings.events.names if any(name in of for of in counted)]
        return {name: sum(of.get(name, 0) for of in counted) for name in types}
    valid_events = ctx.read(tables.USER_EVENTS).where(in_days(builds))
    before, after = (
        {row.event_type: row["count"] for row in events.groupBy("event_type").count().collect()}
        for events in (valid_events, ctx.read(tables.DEDUPED_EVENTS))
    )
    return {name: before[name] - after.get(name, 0) for name in ctx.settings.events.names if name in before}


def count_prices(ctx: Context) -> dict[str, Any]:
    """Count events by the source of their price, and by price in logarithmic bins."""
    place = F.when(F.col("price") > 0, F.floor(F.log10(F.col("price").cast("double")) * BINS_A_DECADE))
    cleaned = ctx.read(tables.CLEANED_EVENTS)
    counted = cleaned.groupBy("price_source", place.alias("bin")).count().collect()
    sources: Counter[str] = Counter()
    bins: Counter[int] = Counter()
    for row in counted:
        sources[row.price_source] += row["count"]
        if row.bin is not None:
            bins[row.bin] += row["count"]
    return {"sources": {name: sources[name] for name in PriceSource}, "bins": _add_empty_bins(bins)}


def count_users(ctx: Context) -> dict[str, Any]:
    """Count the users: all, those who reach each step of the funnel, and by their number of events."""
    steps = ctx.settings.events.funnel
    in_features = [name for name in steps if f"{name}{COUNT}" in tables.USER_FEATURES.columns]
    reach = [F.count_if(F.col(f"{name}{COUNT}") > 0).alias(name) for name in in_features]
    counted = _count_by_bin(ctx.read(tables.USER_FEATURES), *reach)
    found = {name: sum(row[name] for row in counted) for name in in_features}
    found |= _count_users_with(ctx, [name for name in steps if name not in in_features])
    bins = _collect_bins(counted)
    return {"count": sum(row.rows for row in counted), "reach": {name: found[name] for name in steps}, "bins": bins}


def _count_users_with(ctx: Context, types: Sequence[str]) -> dict[str, int]:
    """Count the users with events of these types. The features have no count of them, so the events are counted."""
    if not types:
        return {}
    events = ctx.read(tables.CLEANED_EVENTS).where(F.col("event_type").isin(*types))
    counted = events.groupBy("event_type").agg(F.count_distinct("user_id").alias("users")).collect()
    return dict.fromkeys(types, 0) | {row.event_type: row.users for row in counted}


def count_items(ctx: Context) -> dict[str, Any]:
    """Count the items: all, and by their number of events. Add the categories and brands with the most events."""
    names = {"categories": "category_code", "brands": "brand"}
    features = ctx.read(tables.ITEM_FEATURES).select(
        _compute_bin().alias("bin"),
        *(F.coalesce(column, F.lit("(none)")).alias(name) for name, column in names.items()),
        "total_events",
    )
    sums = F.count("*").alias("rows"), F.sum("total_events").alias("n")
    by_set = features.groupingSets([["bin"], *([name] for name in names)], "bin", *names).agg(*sums)
    first = Rows.partitionBy(*(F.col(name).isNull() for name in names)).orderBy(F.desc("n"), *names)
    ranked = by_set.withColumn("place", F.row_number().over(first))
    found = ranked.where(F.col("bin").isNotNull() | (F.col("place") <= MOST_SHOWN)).orderBy("place").collect()
    top = {name: {row[name]: row.n for row in found if row[name] is not None} for name in names}
    counted = [row for row in found if row.bin is not None]
    return {"count": sum(row.rows for row in counted), "bins": _collect_bins(counted)} | top


def measure_matrix(ctx: Context) -> dict[str, Any]:
    """Return rows, columns and cells of the matrix; 0 of each where features were built before the first matrix."""
    if ctx.ledger.version(tables.USER_ITEM_MATRIX) == NOTHING:
        return {"rows": 0, "columns": 0, "cells": 0}
    rows, columns = matrix.read_matrix(ctx).shape()
    return {"rows": rows, "columns": columns, "cells": ctx.count(tables.USER_ITEM_MATRIX)}


def measure_table(ctx: Context, table: Table) -> dict[str, Any]:
    """Return a table's rows, files and bytes in the version that the ledger names."""
    files, size = ctx.storage.measure_version(table, ctx.ledger.version(table))
    return {"name": table.name, "rows": ctx.count(table), "files": files, "bytes": size}


def _count_by_bin(features: DataFrame, *further: Column) -> list[Any]:
    """Count rows by the bin of their total events, and compute the `further` aggregates of each bin."""
    return features.groupBy(_compute_bin().alias("bin")).agg(F.count("*").alias("rows"), *further).collect()


def _compute_bin() -> Column:
    """Return the bin of a number of events."""
    return F.floor(F.log10("total_events") * BINS_A_DECADE)


def _collect_bins(counted: Sequence[Any]) -> dict[int, int]:
    return _add_empty_bins({row.bin: row.rows for row in counted})


def _add_empty_bins(bins: Mapping[int, int]) -> dict[int, int]:
    """Add the empty bins between the first and the last bin."""
    return {place: bins.get(place, 0) for place in range(min(bins), max(bins) + 1)} if bins else {}


# Each figure that needs a query, and the tables that it depends on.
QUERIES: dict[str, tuple[Callable[[Context], Any], Sequence[Table]]] = {
    "hours": (count_hours, (tables.USER_EVENTS,)),
    "rejected": (count_rejected, (tables.REJECTED_EVENTS,)),
    "dropped": (count_dropped, (tables.USER_EVENTS, tables.DEDUPED_EVENTS)),
    "prices": (count_prices, (tables.CLEANED_EVENTS,)),
    "users": (count_users, (tables.USER_FEATURES, tables.CLEANED_EVENTS)),
    "items": (count_items, (tables.ITEM_FEATURES,)),
    "matrix": (measure_matrix, (tables.USER_ITEM_MATRIX, tables.USER_INDEX, tables.ITEM_INDEX)),
}
