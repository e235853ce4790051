"""Validation of hours: one pass over their raw rows for the measures, two suites for the verdict, two table writes."""

from collections.abc import Sequence
from decimal import Decimal

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import Suite, raw_events, user_events
from expectations.raw_events import Limits
from spark_jobs import tables, windows
from spark_jobs.context import Context
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_windows
from spark_jobs.ledger.known_files import landed_name
from spark_jobs.ledger.rule_versions import VERSIONS
from spark_jobs.ledger.status import NO_CONTENT, HourState
from spark_jobs.ledger_rows import HourRow
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.settings import Settings
from spark_jobs.tables import HourStatus, Table
from spark_jobs.tables.source_columns import OPTIONAL
from spark_jobs.transforms.digest import format_digest
from spark_jobs.transforms.hour_measures import format_window_key, hour_measures
from spark_jobs.transforms.measures import broken_rows
from spark_jobs.transforms.validate import add_reasons, format_rejected, profile_hours
from spark_jobs.validation import great_expectations, hourly_baseline
from spark_jobs.validation.judged_hours import JudgedHours
from spark_jobs.windows import HOUR

ACCEPTABLE = "reject_share"


def judge_hours(ctx: Context, states: list[HourState], accepted: str | None = None) -> JudgedHours:
    """Read the raw rows of the hours once and validate the dated ones with both suites. Undated rows are never stopped.

    `accepted`: the reason for which `commit_hours` will accept hours with too many rejected rows.
    """
    undo_unrecorded(ctx, tables.USER_EVENTS, tables.REJECTED_EVENTS)
    if not states:
        return JudgedHours([])
    events = ctx.settings.events
    raw = ctx.read(tables.RAW_EVENTS).where(_select_rows(states, "timestamp"))
    rows = add_reasons(raw, events.allowed_types, events.ignored_types)
    suites = raw_events.suite(select_limits(ctx.settings)), user_events.suite(events.names)
    good = broken_rows(tables.USER_EVENTS, suites[1].rules, where=F.size("reasons") == 0)
    unit = format_window_key(F.col("hour"), F.col("file_id"))
    counts = profile_hours(rows, events.names, events.rated, OPTIONAL, good).withColumn("unit", unit).toPandas()
    files = {row["file_id"]: row for row in ctx.ledger.files() if row["file_id"] in set(counts["file_id"])}
    judged = JudgedHours(states, events.names, files, rows, counts.groupby("unit").sum(numeric_only=True))
    expected = events.expected_types, events.expected_from_rows
    measures = hour_measures(counts, judged.headers, events.rated, *expected)
    measures = _compare_with_baseline(ctx, states, suites, measures, accepted)
    folder, days = ctx.settings.paths.quality, ctx.settings.quality.docs_days
    for suite in suites:
        verdict = great_expectations.judge(suite, measures, folder, days)
        for key, texts in verdict.failed.items():
            judged.failures[key] = judged.failures.get(key, []) + texts
            judged.broken[key] = judged.broken.get(key, []) + verdict.broken.get(key, ["raised"])
        judged.unusual |= verdict.warned
    if accepted:
        judged.accepted = {key for key, broken in judged.broken.items() if set(broken) == {ACCEPTABLE}}
    _find_examples(judged)
    return judged


def _compare_with_baseline(
    ctx: Context, states: list[HourState], suites: Sequence[Suite], measures: pd.DataFrame, accepted: str | None
) -> pd.DataFrame:
    """Add the comparison with earlier weeks to the measures of the hours."""
    admitted = {ACCEPTABLE} if accepted else set()
    rows = measures.to_dict("records")
    stopped = {row["unit"] for row in rows if {name for suite in suites for name in suite.find_broken(row)} - admitted}
    judged = {state.window_key for state in states}
    others = [row for row in ctx.ledger.hours() if row["unit"] not in judged]
    return hourly_baseline.compare_with_baseline(
        measures, stopped, others, ctx.settings.events.expected_types, ctx.settings.usual
    )


def commit_hours(ctx: Context, judged: JudgedHours, accepted: str | None) -> None:
    """Replace the passing hours in user_events and rejected_events, then write the ledger.
    `accepted`: accept hours whose only failure is their share of rejected rows."""
    if not judged.states or judged.rows is None:
        return
    passing, written = judged.passing, []
    failpoints.reach("validation.read")
    if passing:
        passing_rows = judged.rows.where(_select_rows(passing, "timestamp"))
        good = passing_rows.where((F.size("reasons") == 0) & F.col("event_date").isNotNull())
        bad = _format_rejected(judged, passing_rows)
        dated = [state for state in passing if state.hour is not None]
        if dated:
            _write_hours(ctx, tables.USER_EVENTS, good, dated, "timestamp")
            written.append(tables.USER_EVENTS)
        failpoints.reach("validation.events")
        if any(state.rejected_rows or _get_count(judged, state, "rejected_rows") for state in passing):
            _write_hours(ctx, tables.REJECTED_EVENTS, bad, passing, "hour")
            written.append(tables.REJECTED_EVENTS)
    reasons = _count_reasons(ctx, [state for state in passing if _get_count(judged, state, "rejected_rows")])
    rows = [_build_ledger_row(judged, state, reasons.get(state.window_key, {}), accepted) for state in judged.states]
    failpoints.reach("validation.written")
    writes = ctx.ledger.writes((tables.USER_EVENTS, tables.REJECTED_EVENTS), written)
    ctx.ledger.record_hours(row | {"writes": writes} for row in rows)
    failpoints.reach("validation.recorded")


def _write_hours(ctx: Context, table: Table, rows: DataFrame, states: list[HourState], time: str) -> None:
    """Replace the hours' rows. Append where none can exist: no hour was validated before, no attempt left any."""
    if all(state.status is None for state in states) and ctx.ledger.named_version(table) is not None:
        ctx.writer.append(table, rows)
    else:
        ctx.writer.replace(table, rows, _select_rows(states, time))


def _select_rows(states: list[HourState], time: str) -> str:
    hours = in_windows(windows.ranges([state.hour for state in states if state.hour], HOUR), time)
    files = ", ".join(str(state.file_id) for state in states if state.hour is None)
    return f"({hours}) OR (event_date IS NULL AND file_id IN ({files}))" if files else hours


def _get_count(judged: JudgedHours, state: HourState, name: str) -> int:
    return int(judged.counts[name].get(state.window_key, 0)) if name in judged.counts else 0


def _compute_mean_price(judged: JudgedHours, state: HourState) -> Decimal | None:
    priced = _get_count(judged, state, "priced_rows")
    return hourly_baseline.compute_mean_price(judged.counts["price_sum"][state.window_key], priced) if priced else None


def _format_rejected(judged: JudgedHours, rows: DataFrame) -> DataFrame:
    names = {file_id: landed_name(row) for file_id, row in judged.files.items()}
    return format_rejected(rows.where(F.size("reasons") > 0), judged.headers, names)


def _count_reasons(ctx: Context, states: list[HourState]) -> dict[str, dict[str, int]]:
    """Return rejected rows by reason for each hour, from the table itself."""
    if not states:
        return {}
    rows = ctx.storage.read(tables.REJECTED_EVENTS).where(_select_rows(states, "hour"))
    key = format_window_key(F.col("hour"), F.col("file_id")).alias("unit")
    found: dict[str, dict[str, int]] = {}
    for row in rows.select(key, F.explode("reasons").alias("reason")).groupBy("unit", "reason").count().collect():
        found.setdefault(row.unit, {})[row.reason] = row["count"]
    return found


def _build_ledger_row(judged: JudgedHours, state: HourState, reasons: dict[str, int], accepted: str | None) -> HourRow:
    """Return an hour's ledger row. A stopped hour keeps counts and digest of the rows that the tables already have."""
    row: HourRow = {
        "unit": state.window_key,
        "hour": state.hour,
        "raw_rows": state.landed_rows,
        "raw_digest": state.landed_digest,
        "warnings": judged.unusual.get(state.window_key, []),
        "verdict": "; ".join(judged.failures.get(state.window_key, [])) or None,
        "rule_version": VERSIONS["validation"],
    }
    if state.window_key in judged.failures and state.window_key not in judged.accepted:
        existing: HourRow = {"valid_rows": state.valid_rows, "rejected_rows": state.rejected_rows}
        return row | existing | {"status": HourStatus.STOPPED, "content_digest": state.content_digest or NO_CONTENT}
    rejected = _get_count(judged, state, "rejected_rows")
    valid = _get_count(judged, state, "raw_rows") - rejected
    digest = format_digest(valid, _get_count(judged, state, "low"), _get_count(judged, state, "high"))
    same = state.status == HourStatus.LOADED and digest == state.content_digest
    return row | {
        "status": HourStatus.REJECTED if state.hour is None else HourStatus.LOADED if same else HourStatus.COMMITTED,
        "valid_rows": valid,
        "rejected_rows": rejected,
        "reasons": reasons,
        "types": {name: _get_count(judged, state, f"{name}_events") for name in judged.types},
        "mean_price": _compute_mean_price(judged, state),
        "content_digest": digest,
        "accepted": accepted if state.window_key in judged.accepted else None,
    }


def _find_examples(judged: JudgedHours) -> None:
    """Store up to three rejected rows of the stopped hours, as text with their reasons."""
    if not judged.stopped or judged.rows is None:
        return
    stopped = judged.rows.where(_select_rows(judged.stopped, "timestamp"))
    found = _format_rejected(judged, stopped).limit(3).collect()
    judged.examples = [f"{'+'.join(row.reasons)} in {row.raw_text}" for row in found]


def select_limits(settings: Settings) -> Limits:
    """Return what the settings expect of an hour, as the suite of raw_events takes it."""
    quality, usual = settings.quality, settings.usual
    return Limits(
        max_reject_share=quality.max_reject_share,
        max_null_share={name: quality.find_max_null_share(name) for name in OPTIONAL},
        expected_types=settings.events.expected_types,
        expected_from_rows=settings.events.expected_from_rows,
        weeks=usual.weeks,
        least_share=usual.least_share,
        most_reject_rise=usual.most_reject_rise,
        most_price_drift=usual.most_price_drift,
    )
