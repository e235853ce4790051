"""Handle missing values: fill missing prices and ratings from the same day's deduplicated events, with their source.

Builds the days of the range, and other built days whose deduplicated events have changed. Days that fail stay as they
were (exit code 3). Reads deduped_events; writes cleaned_events and, from it, the daily bases daily_interactions and
daily_items.
"""

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import cleaned_events
from spark_jobs import command_line, flow, tables
from spark_jobs.builds.planning import day_settings, find_stale_days, versions_to_read
from spark_jobs.builds.recording import record_days
from spark_jobs.builds.verdicts import judge_measures, report_verdict
from spark_jobs.context import Context, Summary
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.predicates import in_days
from spark_jobs.errors import IdentityError
from spark_jobs.ledger.day_counts import columns_to_fill
from spark_jobs.ledger_rows import BuildRow
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.tables import PriceSource, RatingSource
from spark_jobs.transforms.impute import COLUMNS, find_fills, repair
from spark_jobs.transforms.interactions import daily_interactions, daily_items
from spark_jobs.transforms.measures import format_key_digests, key_sums, measures
from spark_jobs.windows import Window

JOB, SUITE = flow.HANDLE_MISSING_VALUES, cleaned_events.suite()


def run(ctx: Context, days: Window) -> Summary:
    """Rebuild the stale days: cleaned_events first, then the daily bases from the rows that were written.

    Raises QualityError where days fail their verdict, IdentityError where the counts of remove_duplicates are wrong.
    """
    undo_unrecorded(ctx, *JOB.writes)
    built = ctx.ledger.builds(flow.REMOVE_DUPLICATES.name)
    inputs = {day: (row["output_digest"], row["counts"]["source"]) for day, row in built.items()}
    plan = find_stale_days(ctx, JOB.name, days, inputs, *day_settings(ctx.settings))
    if not plan.days:
        ctx.ledger.refresh_days()  # an earlier attempt may have ended before it did this
        return {"days_built": 0}
    source = tables.DEDUPED_EVENTS
    plan = replace(plan, reads=versions_to_read(ctx, source))
    events = ctx.storage.read(source, plan.reads[source.name]).where(in_days(plan.days))
    columns = columns_to_fill(built[day]["counts"] if day in built else {} for day in plan.days)
    rated = ctx.settings.events.rated
    fills = find_fills(events, rated, columns)
    persisted = [frame.persist() for frame in fills if frame is not None]  # small; read for verdict and write
    try:
        cleaned = repair(events, fills, rated)
        day_measures = _compute_measures(cleaned, built, rated)
        _prove_filled(day_measures, columns)
        verdict = judge_measures(ctx, SUITE, day_measures, "event_date")
        passing = [day for day in plan.days if str(day.date()) not in verdict.failed]
        _write_days(ctx, cleaned, passing, int(day_measures["rows"].sum()))
        record_days(ctx, plan, verdict, _count_by_day(day_measures), JOB.writes, written=bool(passing))
        ctx.ledger.refresh_days()
        report_verdict(ctx, verdict, cleaned, tables.CLEANED_EVENTS, SUITE.rules)
    finally:
        for frame in persisted:
            frame.unpersist()
    return {"days_built": len(passing)} | _summarize(day_measures)


def _prove_filled(found: pd.DataFrame, columns: Collection[str]) -> None:
    """Raise IdentityError where a value is missing in a column that remove_duplicates counted as complete."""
    for name in COLUMNS:
        if name not in columns and (rows := int(found[f"{name}_none"].sum())):
            raise IdentityError(
                f"cleaned_events: {rows:,} events have no {name}, but remove_duplicates counted no such event."
            )


def _write_days(ctx: Context, cleaned: DataFrame, days: list[datetime], rows: int) -> None:
    if not days:
        return
    where = in_days(days)
    ctx.writer.replace_days(tables.CLEANED_EVENTS, cleaned.where(where), days)
    written, types = ctx.storage.read(tables.CLEANED_EVENTS).where(where), ctx.settings.events.names
    interactions = tables.add_type_counts(tables.INTERACTIONS, types)
    run_concurrently(
        ctx.spark,
        lambda: ctx.writer.replace_days(interactions, daily_interactions(written, days, rows, types), days),
        lambda: ctx.writer.replace_days(tables.ITEM_DAYS, daily_items(written), days),
    )


def _count_by_day(found: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(row["event_date"]): {"rows_in": row["rows_in"], "rows_out": row["rows"], "repaired": row["repaired"]}
        for row in found.to_dict("records")
    }


def _compute_measures(cleaned: DataFrame, built: dict[datetime, BuildRow], rated: Sequence[str]) -> pd.DataFrame:
    has_rating = F.col("rating").isNotNull() | F.col("event_type").isin(*rated)  # other events normally have none
    by_source = [
        *(F.count_if(F.col("price_source") == name).alias(f"price_{name}") for name in PriceSource),
        *(F.count_if(has_rating & (F.col("rating_source") == name)).alias(f"rating_{name}") for name in RatingSource),
    ]
    table = tables.CLEANED_EVENTS
    further = [*by_source, *key_sums(table)]
    found = measures(cleaned, table, SUITE.rules, ["event_date"], further, keys=False).toPandas()
    before = {str(day.date()): row for day, row in built.items()}
    found["rows_in"] = [before[str(day)]["rows_out"] for day in found["event_date"]]
    found["rows_lost"] = (found["rows_in"] - found["rows"]).abs()
    digests = {day: row["counts"].get("keys") for day, row in before.items()}  # older builds have none: not checked
    changed = [digests[day] and digests[day] != key for day, key in format_key_digests(found).items()]
    found["keys_changed"] = pd.Series(changed, dtype=float)
    found["repaired"] = found["price_item"] + found["price_category"] + found["price_day"]
    found["repaired_share"] = found["repaired"] / found["rows"]
    return found


def _summarize(found: pd.DataFrame) -> Summary:
    total = found.sum(numeric_only=True)
    return {
        "deduped_events": int(total["rows_in"]),
        "cleaned_events": int(total["rows"]),
        "prices": {name: int(total[f"price_{name}"]) for name in PriceSource},
        "ratings": {name: int(total[f"rating_{name}"]) for name in RatingSource},
    }


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
