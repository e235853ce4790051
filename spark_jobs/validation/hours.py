"""Judging hours: one pass over their raw rows for the measures, two suites for the verdict, two writes for the rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import Suite
from expectations import raw_events as raw_suite
from expectations import user_events as valid_suite
from spark_jobs import tables, windows
from spark_jobs.context import Context, Summary
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_windows
from spark_jobs.ledger.known_files import landed_name
from spark_jobs.ledger.rule_versions import VERSIONS
from spark_jobs.ledger.status import NO_CONTENT, Unit
from spark_jobs.recovery.unrecorded import undo_unrecorded
from spark_jobs.sources.header import OPTIONAL
from spark_jobs.tables import Table
from spark_jobs.transforms.digest import format_digest
from spark_jobs.transforms.hour_measures import hour_measures, unit_of
from spark_jobs.transforms.measures import broken_rows
from spark_jobs.transforms.validate import profile_hours, rejected_text, with_reasons
from spark_jobs.validation import great_expectations, hourly_baseline
from spark_jobs.windows import HOUR

TYPES = ("view", "cart", "purchase", "rating")
ACCEPTABLE = "reject_share"


@dataclass
class Judged:
    """Units with their counts and verdicts. `failures` holds sentences, `broken` the measures behind them, by unit."""

    units: list[Unit]
    files: dict[int, dict] = field(default_factory=dict)
    rows: DataFrame | None = None
    counts: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    unusual: dict[str, list[str]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def headers(self) -> dict[int, list[str]]:
        """The header of each file that gave rows to the units, as our column names."""
        return {file_id: row["header"] for file_id, row in self.files.items()}

    @property
    def stopped(self) -> list[Unit]:
        """Units that stay as they were."""
        return [unit for unit in self.units if unit.unit in self.failures and unit.unit not in self.accepted]

    @property
    def passing(self) -> list[Unit]:
        """Units to be committed."""
        stopped = {unit.unit for unit in self.stopped}
        return [unit for unit in self.units if unit.unit not in stopped]

    @property
    def warnings(self) -> list[str]:
        """One line for each kind of warning, with the hours it is about."""
        hours: dict[str, list] = {}
        for unit in self.units:
            for text in self.unusual.get(unit.unit, []):
                hours.setdefault(text.partition(": ")[0], []).append(unit.hour)
        return [f"{windows.describe(found, HOUR)}: {text}" for text, found in hours.items()]

    def sentence(self, accepted: str | None) -> str:
        """Which expectation failed, for which hours, on how many rows, with three examples, and what to do."""
        kinds: dict[str, list[Unit]] = {}
        for unit in self.stopped:
            for text in self.failures[unit.unit]:
                kinds.setdefault(text, []).append(unit)
        parts = [
            f"{windows.describe([unit.hour for unit in units], HOUR)}: {text}"
            for text, units in list(kinds.items())[:5]
        ]
        shown = [text for unit in self.stopped for text in self.examples.get(unit.unit, [])][:3]
        example = f" For example: {' | '.join(shown)}." if shown else ""
        way = 'Mend the source, or admit them with --accept-rejects "reason".' if not accepted else "Mend the source."
        hours = "1 hour; nothing of it" if len(self.stopped) == 1 else f"{len(self.stopped):,} hours; nothing of them"
        return f"stopped {hours} is written. {'; '.join(parts)}.{example} {way}"

    def summary(self) -> Summary:
        """Counts of this run."""
        return {
            "hours_committed": sum(unit.hour is not None for unit in self.passing),
            "hours_stopped": len(self.stopped),
            "warnings": len(self.warnings),
        }


def judge_hours(ctx: Context, units: list[Unit], accepted: str | None = None) -> Judged:
    """Read the raw rows of the units once and let both suites judge the dated hours; undated rows never stop.

    `accepted`: the reason for which `commit` will admit hours with too many rejected rows.
    """
    undo_unrecorded(ctx, tables.USER_EVENTS, tables.REJECTED_EVENTS)
    if not units:
        return Judged([])
    events = ctx.settings.events
    raw = ctx.read(tables.RAW_EVENTS).where(_rows_of(units, "timestamp"))
    rows = with_reasons(raw, events.allowed_types, events.ignored_types)
    good = broken_rows(tables.USER_EVENTS, valid_suite.RULES, where=F.size("reasons") == 0)
    unit = unit_of(F.col("hour"), F.col("file_id"))
    counts = profile_hours(rows, TYPES, OPTIONAL, good).withColumn("unit", unit).toPandas()
    files = {row["file_id"]: row for row in ctx.ledger.files() if row["file_id"] in set(counts["file_id"])}
    judged = Judged(units, files, rows, counts.groupby("unit").sum(numeric_only=True))
    measures = hour_measures(counts, judged.headers, events.expected_types, events.expected_from_rows)
    suites = (raw_suite.suite(ctx.settings), valid_suite.suite(ctx.settings))
    measures = _beside_usual(ctx, units, suites, measures, accepted)
    folder, days = ctx.settings.paths.quality, ctx.settings.quality.docs_days
    for suite in suites:
        verdict = great_expectations.judge(suite, measures, folder, days)
        for unit, texts in verdict.failed.items():
            judged.failures[unit] = judged.failures.get(unit, []) + texts
            judged.broken[unit] = judged.broken.get(unit, []) + verdict.broken.get(unit, ["raised"])
        judged.unusual |= verdict.warned
    _find_examples(judged)
    return judged


def _beside_usual(
    ctx: Context, units: list[Unit], suites: Sequence[Suite], measures: pd.DataFrame, accepted: str | None
) -> pd.DataFrame:
    """Add what is usual to the measures of the hours."""
    admitted = {ACCEPTABLE} if accepted else set()
    rows = measures.to_dict("records")
    stopped = {row["unit"] for row in rows if {name for suite in suites for name in suite.broken_by(row)} - admitted}
    judged = {unit.unit for unit in units}
    others = [row for row in ctx.ledger.hours() if row["unit"] not in judged]
    return hourly_baseline.compare_with_baseline(
        measures, stopped, others, ctx.settings.events.expected_types, ctx.settings.usual
    )


def commit_hours(ctx: Context, judged: Judged, accepted: str | None) -> None:
    """Replaces the passing units in user_events and rejected_events, then writes the ledger; `accepted` admits
    hours whose only fault is their share of rejected rows."""
    if not judged.units:
        return
    if accepted:
        judged.accepted = {unit for unit, broken in judged.broken.items() if set(broken) == {ACCEPTABLE}}
    passing, written = judged.passing, []
    failpoints.reach("judging.read")
    if passing:
        chosen = judged.rows.where(_rows_of(passing, "timestamp"))
        good = chosen.where((F.size("reasons") == 0) & F.col("event_date").isNotNull())
        bad = _rejected(judged, chosen)
        dated = [unit for unit in passing if unit.hour is not None]
        if dated:
            _write(ctx, tables.USER_EVENTS, good, dated, "timestamp")
            written.append(tables.USER_EVENTS)
        failpoints.reach("judging.events")
        if any(unit.rejected_rows or _count(judged, unit, "rejected_rows") for unit in passing):
            _write(ctx, tables.REJECTED_EVENTS, bad, passing, "hour")
            written.append(tables.REJECTED_EVENTS)
    reasons = _reasons(ctx, [unit for unit in passing if _count(judged, unit, "rejected_rows")])
    rows = [_ledger_row(judged, unit, reasons.get(unit.unit, {}), accepted) for unit in judged.units]
    failpoints.reach("judging.written")
    writes = ctx.ledger.writes((tables.USER_EVENTS, tables.REJECTED_EVENTS), written)
    ctx.ledger.record_hours(row | {"writes": writes} for row in rows)
    failpoints.reach("judging.recorded")


def _write(ctx: Context, table: Table, rows: DataFrame, units: list[Unit], time: str) -> None:
    """Replace the units' rows; none are looked for where no unit was ever judged and no attempt left any behind."""
    if all(unit.status is None for unit in units) and ctx.ledger.named_version(table) is not None:
        ctx.writer.append(table, rows)
    else:
        ctx.writer.replace(table, rows, _rows_of(units, time))


def _rows_of(units: list[Unit], time: str) -> str:
    hours = in_windows(windows.ranges([unit.hour for unit in units if unit.hour], HOUR), time)
    files = ", ".join(str(unit.file_id) for unit in units if unit.hour is None)
    return f"({hours}) OR (event_date IS NULL AND file_id IN ({files}))" if files else hours


def _count(judged: Judged, unit: Unit, name: str) -> int:
    return int(judged.counts[name].get(unit.unit, 0)) if name in judged.counts else 0


def _mean_price(judged: Judged, unit: Unit) -> Decimal | None:
    priced = _count(judged, unit, "priced_rows")
    return hourly_baseline.mean_price(judged.counts["price_sum"][unit.unit], priced) if priced else None


def _rejected(judged: Judged, rows: DataFrame) -> DataFrame:
    names = {file_id: landed_name(row) for file_id, row in judged.files.items()}
    return rejected_text(rows.where(F.size("reasons") > 0), judged.headers, names)


def _reasons(ctx: Context, units: list[Unit]) -> dict[str, dict[str, int]]:
    """Rejected rows by reason for each unit, from the table itself."""
    if not units:
        return {}
    rows = ctx.storage.read(tables.REJECTED_EVENTS).where(_rows_of(units, "hour"))
    unit = unit_of(F.col("hour"), F.col("file_id")).alias("unit")
    found: dict[str, dict[str, int]] = {}
    for row in rows.select(unit, F.explode("reasons").alias("reason")).groupBy("unit", "reason").count().collect():
        found.setdefault(row.unit, {})[row.reason] = row["count"]
    return found


def _ledger_row(judged: Judged, unit: Unit, reasons: dict[str, int], accepted: str | None) -> dict:
    """A stopped hour keeps the counts and the digest of what stands in the tables from before."""
    row = {
        "unit": unit.unit,
        "hour": unit.hour,
        "raw_rows": unit.landed_rows,
        "raw_digest": unit.landed_digest,
        "warnings": judged.unusual.get(unit.unit, []),
        "verdict": "; ".join(judged.failures.get(unit.unit, [])) or None,
        "rule_version": VERSIONS["validation"],
    }
    if unit.unit in judged.failures and unit.unit not in judged.accepted:
        stands = {"valid_rows": unit.valid_rows, "rejected_rows": unit.rejected_rows}
        return row | stands | {"status": "stopped", "content_digest": unit.content_digest or NO_CONTENT}
    rejected = _count(judged, unit, "rejected_rows")
    valid = _count(judged, unit, "raw_rows") - rejected
    digest = format_digest(valid, _count(judged, unit, "low"), _count(judged, unit, "high"))
    same = unit.status == "loaded" and digest == unit.content_digest
    return row | {
        "status": "rejected" if unit.hour is None else "loaded" if same else "committed",
        "valid_rows": valid,
        "rejected_rows": rejected,
        "reasons": reasons,
        "types": {name: _count(judged, unit, f"{name}_rows") for name in TYPES},
        "mean_price": _mean_price(judged, unit),
        "content_digest": digest,
        "accepted": accepted if unit.unit in judged.accepted else None,
    }


def _find_examples(judged: Judged) -> None:
    """Up to three rejected rows of the stopped hours, as text with their reasons."""
    if not judged.failures:
        return
    hours = [unit for unit in judged.units if unit.unit in judged.failures]
    found = _rejected(judged, judged.rows.where(_rows_of(hours, "timestamp"))).limit(3).collect()
    judged.examples = {hours[0].unit: [f"{'+'.join(row.reasons)} in {row.raw_text}" for row in found]}
