"""Remove duplicates: keep one row for each user, item, event type and minute.

Builds the days of the range, and other built days whose events have changed. Days that fail stay as they were (exit
code 3). Reads user_events; writes deduped_events, day_builds, day_status; compacts the small files that hourly writes
left in the days it builds.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import deduped_events
from spark_jobs import command_line, flow, tables
from spark_jobs.builds.planning import day_settings, find_stale_days, versions_to_read
from spark_jobs.builds.recording import record_days
from spark_jobs.builds.verdicts import judge_measures, report_verdict
from spark_jobs.context import Context, Summary
from spark_jobs.delta.files import compact
from spark_jobs.delta.predicates import in_days
from spark_jobs.errors import IdentityError
from spark_jobs.ledger.day_counts import to_counts
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.transforms.dedupe import count_dropped, keep_latest, rank_duplicates
from spark_jobs.transforms.impute import COLUMNS, missing_values
from spark_jobs.transforms.measures import format_key_digests, key_sums, measures
from spark_jobs.windows import DAY, Window, floor

JOB, SUITE = flow.REMOVE_DUPLICATES, deduped_events.suite()


def run(ctx: Context, days: Window) -> Summary:
    """Rebuild the stale days, and prove user_events = deduped_events + dropped.

    Raises QualityError where days fail their verdict; these stay as they were.
    """
    undo_unrecorded(ctx, tables.DEDUPED_EVENTS)
    exempt = ctx.settings.duplicates.exempt_types
    inputs = {day: (digest, digest) for day, digest in ctx.ledger.day_inputs().items()}
    plan = find_stale_days(ctx, JOB.name, days, inputs, *day_settings(ctx.settings))
    if not plan.days:
        ctx.ledger.refresh_days()  # an earlier attempt may have ended before it did this
        return {"days_built": 0}
    for table in flow.list_daily_tables(flow.Writer.COLLECTION):
        compact(ctx.storage, table, plan.days)
    table, source = tables.DEDUPED_EVENTS, tables.USER_EVENTS
    plan = replace(plan, reads=versions_to_read(ctx, source))
    events = ctx.storage.read(source, plan.reads[source.name]).where(in_days(plan.days))
    events = rank_duplicates(events, table.key_columns(), plan.days, _count_rows(ctx, plan.days))
    events = events.persist(StorageLevel.MEMORY_AND_DISK)  # counted, validated, then written: one shuffle for all
    try:
        deduped = keep_latest(events, exempt)
        by_type = count_dropped(events, table.named_key(), exempt).toPandas()
        day_measures = _compute_measures(deduped, by_type, missing_values(ctx.settings.events.rated))
        verdict = judge_measures(ctx, SUITE, day_measures, "event_date")
        passing = [day for day in plan.days if str(day.date()) not in verdict.failed]
        if passing:
            ctx.writer.replace_days(table, deduped.where(in_days(passing)), passing)
        counts = _count_by_day(day_measures, by_type)
        record_days(ctx, plan, verdict, counts, [table], written=bool(passing))
        _prove_counts(ctx, passing, counts)
        ctx.ledger.refresh_days()
        report_verdict(ctx, verdict, deduped, table, SUITE.rules)
    finally:
        events.unpersist()
    return {"days_built": len(passing)} | _summarize(by_type)


def _count_rows(ctx: Context, days: list[datetime]) -> int:
    day_set = set(days)
    return sum(state.valid_rows for state in ctx.ledger.states() if state.hour and floor(state.hour, DAY) in day_set)


def _compute_measures(kept: DataFrame, by_type: pd.DataFrame, missing: Mapping[str, str]) -> pd.DataFrame:
    table = tables.DEDUPED_EVENTS
    further = [F.count_if(F.expr(condition)).alias(f"no_{name}") for name, condition in missing.items()]
    found = measures(kept, table, SUITE.rules, ["event_date"], [*key_sums(table), *further], keys=False).toPandas()
    counts = ["rows", "kept", "keys_lost", "repeated_keys"]
    days = by_type.groupby("event_date", as_index=False)[counts].sum()
    days["dropped"] = days["rows"] - days["kept"]
    days["dropped_share"] = days["dropped"] / days["rows"]
    return found.merge(days.rename(columns={"rows": "rows_in"}), on="event_date", how="right")


def _count_by_day(found: pd.DataFrame, by_type: pd.DataFrame) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    keys = format_key_digests(found)
    for row in found.to_dict("records"):
        types = by_type[by_type["event_date"] == row["event_date"]]
        dropped = dict(zip(types["event_type"], (types["rows"] - types["kept"]).astype(int), strict=True))
        day, missing = str(row["event_date"]), {name: int(row[f"no_{name}"]) for name in COLUMNS}
        counts[day] = {"rows_in": int(row["rows_in"]), "rows_out": int(row["kept"]), "keys": keys.get(day)}
        counts[day] |= to_counts(dropped, missing)
    return counts


def _summarize(by_type: pd.DataFrame) -> Summary:
    types = by_type.groupby("event_type")[["rows", "kept"]].sum()
    bought = by_type[by_type["event_type"] == "purchase"]
    money = sum((row for row in bought["money"].dropna()), Decimal(0)) - sum(bought["kept_money"].dropna(), Decimal(0))
    return {
        "user_events": int(types["rows"].sum()),
        "deduped_events": int(types["kept"].sum()),
        "dropped": {name: int(row["rows"] - row["kept"]) for name, row in types.iterrows()},
        "purchase_money_dropped": f"{money:,.2f}",
    }


def _prove_counts(ctx: Context, passing: list[datetime], counts: dict[str, dict[str, Any]]) -> None:
    """Prove user_events = deduped_events + dropped, from the rows that Delta has committed.

    Raises IdentityError where a day does not have the rows that were kept.
    """
    rows_by_day = ctx.storage.count_by_day(tables.DEDUPED_EVENTS, passing)
    for day in (str(day.date()) for day in passing):
        expected = counts.get(day, {"rows_out": 0})["rows_out"]
        if rows_by_day.get(day, 0) != expected:
            raise IdentityError(
                f"deduped_events of {day}: {rows_by_day.get(day, 0):,} rows, but {expected:,} were kept."
            )


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
