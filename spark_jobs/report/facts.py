"""What the report says, counted from ledger and tables: plain values for JSON, never rows of events."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import identity, matrix, tables
from spark_jobs.at_once import at_once
from spark_jobs.context import Context
from spark_jobs.jobs.handle_missing_values import PRICE_SOURCES
from spark_jobs.session import now
from spark_jobs.states import unit_name
from spark_jobs.tables import Table
from spark_jobs.transforms.interactions import TYPES
from spark_jobs.versions import NOTHING
from spark_jobs.windows import HOUR, Window, describe_windows, gaps

Facts = dict[str, Any]
BINS_A_DECADE = 5  # of the logarithmic distributions
MOST_SHOWN = 12
MOST_EXAMPLES = 60  # characters of a rejected row


def gathered(ctx: Context, seconds: Mapping[str, float]) -> Facts:
    """Everything that the page shows, but the comparison. `seconds`: of each step of the run that is reported."""
    ctx = ctx.pinned()
    counted = {
        "flow": lambda: flow(ctx),
        "verdicts": lambda: verdicts(Path(ctx.settings.paths.quality)),
        "tables": lambda: [sizes(ctx, table) for table in tables.ALL if ctx.ledger.version(table) != NOTHING],
        "hours": lambda: hours(ctx),
        "rejected": lambda: rejected(ctx.read(tables.REJECTED_EVENTS)),
    }
    if ctx.ledger.version(tables.USER_FEATURES) != NOTHING:
        counted |= {
            "dropped": lambda: dropped(ctx),
            "prices": lambda: prices(ctx.read(tables.CLEANED_EVENTS)),
            "users": lambda: users(ctx.read(tables.USER_FEATURES)),
            "items": lambda: items(ctx.read(tables.ITEM_FEATURES)),
            "matrix": lambda: shape(ctx),
        }
    found = dict(zip(counted, at_once(ctx.spark, *counted.values()), strict=True))
    told = {"made_at": f"{now():%Y-%m-%d %H:%M:%S} UTC", "warehouse": ctx.settings.paths.warehouse}
    return told | {"seconds": dict(seconds)} | found


def flow(ctx: Context) -> dict[str, int]:
    """Rows by where they went, from raw to cleaned; proven by the counting identities."""
    found = identity.events(ctx)
    rows_in, rows_out = identity.deduplicated(ctx)
    return {
        "raw": found["raw_events"],
        "valid": found["user_events"],
        "rejected": found["rejected_events"],
        "waiting": found["not_yet_committed"],
        "kept": rows_out,
        "dropped": rows_in - rows_out,
    }


def hours(ctx: Context) -> dict[str, Any]:
    """Valid events by type in each hour `at` which there are some; the hours without any between them are `gaps`."""
    hour = F.date_trunc("hour", "timestamp").alias("hour")
    counted = ctx.read(tables.USER_EVENTS).groupBy(hour, "event_type").count().collect()
    if not counted:
        return {"at": [], "counts": {}, "gaps": "", "types": {}}
    found = {(row.hour, row.event_type): row["count"] for row in counted}
    at, types = sorted({hour for hour, _ in found}), {name for _, name in found}
    counts = {name: [found.get((hour, name), 0) for hour in at] for name in TYPES if name in types}
    empty = describe_windows(gaps(Window(at[0], at[-1] + HOUR, HOUR), at), HOUR, most=6)
    totals = {name: sum(of) for name, of in counts.items()}
    return {"at": [unit_name(hour) for hour in at], "counts": counts, "gaps": empty, "types": totals}


def rejected(rows: DataFrame) -> list[dict[str, Any]]:
    """Each reason with its rows, files and an example (the first by its text), the most frequent first."""
    by_reason = (
        rows.select(F.explode("reasons").alias("reason"), "raw_text", "file_name")
        .groupBy("reason")
        .agg(
            F.count("*").alias("rows"), F.count_distinct("file_name").alias("files"), F.min("raw_text").alias("example")
        )
        .orderBy(F.desc("rows"), "reason")
    )
    return [row.asDict() | {"example": row.example[:MOST_EXAMPLES]} for row in by_reason.collect()]


def dropped(ctx: Context) -> dict[str, int]:
    """Duplicates dropped, by event type: valid events of days that are built, less those kept."""
    days = ctx.read(tables.DEDUPED_EVENTS).select("event_date").distinct()
    held = ctx.read(tables.USER_EVENTS).join(F.broadcast(days), "event_date", "left_semi")
    before, after = (
        {row.event_type: row["count"] for row in events.groupBy("event_type").count().collect()}
        for events in (held, ctx.read(tables.DEDUPED_EVENTS))
    )
    return {name: before[name] - after.get(name, 0) for name in TYPES if name in before}


def prices(cleaned: DataFrame) -> dict[str, Any]:
    """Events by the source of their price, and the distribution of prices on a logarithmic axis."""
    place = F.when(F.col("price") > 0, F.floor(F.log10(F.col("price").cast("double")) * BINS_A_DECADE))
    counted = cleaned.groupBy("price_source", place.alias("bin")).count().collect()
    sources, bins = Counter(), Counter()
    for row in counted:
        sources[row.price_source] += row["count"]
        if row.bin is not None:
            bins[row.bin] += row["count"]
    return {"sources": {name: sources[name] for name in PRICE_SOURCES}, "bins": _dense(bins)}


def users(features: DataFrame) -> dict[str, Any]:
    """How many users there are, reach each step of the funnel, and have so many events."""
    reach = features.agg(*(F.count_if(F.col(f"{name}_count") > 0).alias(name) for name in TYPES)).first().asDict()
    return {"count": features.count(), "reach": reach, "bins": _activity(features)}


def items(features: DataFrame) -> dict[str, Any]:
    """How many items there are and have so many events; the categories and brands with the most events."""
    top = {}
    for name, column in (("categories", "category_code"), ("brands", "brand")):
        sums = features.groupBy(F.coalesce(column, F.lit("(none)")).alias("name")).agg(F.sum("total_events").alias("n"))
        top[name] = {row.name: row.n for row in sums.orderBy(F.desc("n"), "name").limit(MOST_SHOWN).collect()}
    return {"count": features.count(), "bins": _activity(features)} | top


def shape(ctx: Context) -> dict[str, Any]:
    """Rows, columns and cells of the matrix; none where features were built before the first matrix."""
    if ctx.ledger.version(tables.USER_ITEM_MATRIX) == NOTHING:
        return {"rows": 0, "columns": 0, "cells": 0}
    made = matrix.of_warehouse(ctx)
    rows, columns = made.shape()
    return {"rows": rows, "columns": columns, "cells": made.cells.count()}


def sizes(ctx: Context, table: Table) -> dict[str, Any]:
    """A table's rows, files and bytes in the version that the ledger names."""
    files, size = ctx.storage.held(table, ctx.ledger.version(table))
    return {"name": table.name, "rows": ctx.count(table), "files": files, "bytes": size}


def verdicts(folder: Path) -> list[dict[str, Any]]:
    """The latest verdict of each suite: units by outcome, what failed or was warned of, and its page of Data Docs."""
    found = []
    for suite in sorted(folder.glob("verdicts/*")):
        latest = max(suite.glob("*.json"), default=None)
        if latest is None:
            continue
        units = json.loads(latest.read_text(encoding="utf-8"))["units"]
        said = [f"{unit}: {text}" for unit, of in units.items() for text in (*of["failed"], *of["warnings"])]
        page = next(folder.glob(f"docs/validations/{suite.name}/*{latest.stem}*/**/*.html"), None)
        found.append(
            {
                "suite": suite.name,
                "units": len(units),
                "failed": sum(1 for of in units.values() if of["failed"]),
                "warned": sum(1 for of in units.values() if of["warnings"] and not of["failed"]),
                "said": said,
                "page": str(page) if page else None,
            }
        )
    return found


def _activity(features: DataFrame) -> dict[int, int]:
    place = F.floor(F.log10("total_events") * BINS_A_DECADE).alias("bin")
    return _dense({row.bin: row["count"] for row in features.groupBy(place).count().collect()})


def _dense(bins: Mapping[int, int]) -> dict[int, int]:
    """The same with its empty bins between the first and the last."""
    return {place: bins.get(place, 0) for place in range(min(bins), max(bins) + 1)} if bins else {}
