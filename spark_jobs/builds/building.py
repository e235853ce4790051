"""Building days and snapshots: which need it, what their verdict is, what the ledger says afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import Suite
from spark_jobs import windows
from spark_jobs.context import Context
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_days
from spark_jobs.errors import PipelineError, QualityError
from spark_jobs.flow import LAST_DAY_STEP
from spark_jobs.ledger.rule_versions import build_digest, marks, versions_of
from spark_jobs.ledger.status import NO_DAY as NOTHING
from spark_jobs.ledger.status import fingerprint
from spark_jobs.session import now
from spark_jobs.tables import Table
from spark_jobs.transforms.measures import Rule
from spark_jobs.validation import great_expectations
from spark_jobs.windows import DAY, Window


@dataclass(frozen=True)
class DayPlan:
    """The days that a step has to build, with the digest of what each is built from, and the versions it reads."""

    step: str
    days: list[datetime]
    digests: Mapping[datetime, str]
    sources: Mapping[datetime, str]
    old: Mapping[datetime, dict[str, Any]]
    reads: Mapping[str, int] = field(default_factory=dict)


def versions_to_read(ctx: Context, *read: Table) -> dict[str, int]:
    """The version of each of these tables that the ledger names: what a build then reads, and records as read."""
    return {table.name: ctx.ledger.version(table) for table in read}


def find_stale_days(
    ctx: Context, step: str, window: Window, inputs: Mapping[datetime, tuple[str, str]], *settings: Any
) -> DayPlan:
    """Days of the window, and days built before, whose content or settings are not those of their last build.

    `inputs` gives for each day the digest of its input and of the user_events content that it stems from. A day that
    was stopped, or that older rules built, is built again within the window only.
    """
    old = ctx.ledger.builds(step)

    def digest(day: datetime, versions: Mapping[str, int] | None = None) -> str:
        return build_digest(step, inputs.get(day, (NOTHING,))[0], settings, versions)

    def is_due(day: datetime) -> bool:
        inside = window.start <= day < window.end
        if day not in old:
            return inside
        if inside:
            return old[day]["input_digest"] != wanted[day] or old[day]["status"] == "stopped"
        return old[day]["input_digest"] != digest(day, old[day]["rule_versions"] or {})

    wanted = {day: digest(day) for day in set(inputs) | set(old)}
    days = sorted(day for day in wanted if is_due(day))
    return DayPlan(step, days, wanted, {day: inputs.get(day, (NOTHING, NOTHING))[1] for day in wanted}, old)


def judge_measures(ctx: Context, suite: Suite, measures: pd.DataFrame, unit: str | None) -> great_expectations.Verdict:
    """The verdict over measures that have one row for each day in column `unit`, or one row altogether."""
    table = measures.copy()
    table.insert(0, "unit", [str(day) for day in table.pop(unit)] if unit else ["snapshot"])
    return great_expectations.judge(suite, table, ctx.settings.paths.quality, ctx.settings.quality.docs_days)


def record_days(
    ctx: Context,
    work: DayPlan,
    verdict: great_expectations.Verdict,
    counts: Mapping[str, dict[str, Any]],
    of: Sequence[Table],
    written: bool,
) -> None:
    """Record what became of each day: built from what, or stopped (then the row still describes the earlier build).

    `of` are the tables of the step, `written` whether days were written into them now.
    """
    rows, writes = [], ctx.ledger.writes(of, of if written else ())
    for day in work.days:
        name, old = windows.name(day, DAY), work.old.get(day)
        row = {"day": day.date(), "input_digest": work.digests[day], "verdict": None, "writes": writes}
        row["rule_versions"] = versions_of(work.step)
        if name in verdict.failed:
            stands = {key: old[key] for key in ("output_digest", "rows_in", "rows_out", "counts", "reads") if old}
            nothing = {"output_digest": NOTHING, "rows_in": 0, "rows_out": 0, "counts": {"source": NOTHING}}
            rows.append(row | nothing | stands | {"status": "stopped", "verdict": "; ".join(verdict.failed[name])})
            continue
        counted = counts.get(name, {"rows_in": 0, "rows_out": 0})
        named = {key: str(value) for key, value in counted.items()} | {"source": work.sources[day]}
        rows.append(
            row
            | {"status": "built", "output_digest": fingerprint(work.step, work.digests[day]), "counts": named}
            | {"rows_in": int(counted["rows_in"]), "rows_out": int(counted["rows_out"]), "reads": dict(work.reads)}
        )
    failpoints.reach("building.written")
    ctx.ledger.record_builds(work.step, rows)
    failpoints.reach("building.recorded")


def report_verdict(
    ctx: Context, verdict: great_expectations.Verdict, frame: DataFrame, table: Table, rules: Mapping[str, Rule]
) -> None:
    """Says the warnings; raises QualityError with expectation, units, rows and three examples where any failed."""
    for unit, texts in verdict.warned.items():
        ctx.say(f"warning: {table.name} of {unit}: {'; '.join(texts)}")
    if not verdict.failed:
        return
    unit, texts = next(iter(verdict.failed.items()))
    broken = verdict.broken.get(unit, [])
    rows = frame if unit == "snapshot" else frame.where(f"event_date = DATE '{unit}'")
    shown = [text for rule in broken[:1] for text in find_examples(rows, table, rule, rules)]
    example = f" For example: {' | '.join(shown)}." if shown else ""
    raise QualityError(
        f"{table.name}: stopped {', '.join(verdict.failed)}; what was there before stays. "
        f"{unit}: {'; '.join(texts)}.{example} The verdict is in {ctx.settings.paths.quality}."
    )


def find_examples(frame: DataFrame, table: Table, rule: str, rules: Mapping[str, Rule], most: int = 3) -> list[str]:
    """Up to `most` rows (as JSON) that break the rule named `rule`; none for a rule about the whole."""
    if rule == "repeated_keys":
        broken = frame.groupBy(*table.named_key()).count().where("count > 1")
    elif rule.startswith("null_"):
        broken = frame.where(F.col(rule.removeprefix("null_")).isNull())
    elif rule in rules:
        broken = frame.where(rules[rule].broken)
    else:
        return []
    return [row[0] for row in broken.select(F.to_json(F.struct("*"))).limit(most).collect()]


@dataclass(frozen=True)
class BuildPlan:
    """What matrix and features are to rest on: the latest processed day, a digest of all days and settings.

    `added`: the days that came since the last snapshot, where that is all that happened and they are fewer than those
    before; else None, and the snapshot is made from scratch. `before` are the versions of the tables that the last one
    wrote, `events` the rows of cleaned_events of all days.
    """

    step: str
    as_of: datetime
    digest: str
    settings: str
    days: Mapping[datetime, str]
    unchanged: bool
    added: list[datetime] | None
    before: Mapping[str, int]
    reads: Mapping[str, int]
    events: int

    def added_to(self, ctx: Context, *held: Table) -> list[datetime] | None:
        """`added`, if what the last snapshot wrote into these tables can still be read (`earlier`)."""
        there = all(
            table.name in self.before and ctx.storage.is_readable(table, self.before[table.name]) for table in held
        )
        return self.added if self.added and there else None

    def bases(self, ctx: Context, *of: Table) -> list[DataFrame]:
        """The tables to build from, in the versions that are named, and of the days that are built and no others."""
        where = in_days(self.days)
        return [ctx.storage.read(table, self.reads[table.name]).where(where) for table in of]

    def earlier(self, ctx: Context, table: Table) -> DataFrame:
        """The rows that the last snapshot wrote: not those of an attempt that ended before its row in the ledger."""
        return ctx.storage.read(table, self.before[table.name])


def plan_snapshot(ctx: Context, step: str, bases: Sequence[Table], *settings: Any) -> BuildPlan:
    """The state that the snapshots of `step`, made from `bases`, should have now. Raises PipelineError where no day is
    built."""
    rows = {day: row for day, row in ctx.ledger.builds(LAST_DAY_STEP.name).items() if row["rows_out"] > 0}
    built = {day: row["output_digest"] for day, row in rows.items()}
    if not built:
        raise PipelineError("no day of cleaned_events is built yet; run handle_missing_values first.")
    digest = build_digest(step, sorted((str(day), output) for day, output in built.items()), settings)
    last = ctx.ledger.last_build(step)
    last = last if last is not None and last["status"] == "built" else None
    chosen = settings_digest(step, *settings)
    added = _added(built, chosen, last["counts"]) if last else None
    unchanged = last is not None and last["input_digest"] == digest
    before = (last["writes"] or {}) if last else {}
    reads, events = versions_to_read(ctx, *bases), sum(row["rows_out"] for row in rows.values())
    return BuildPlan(step, max(built), digest, chosen, built, unchanged, added, before, reads, events)


def settings_digest(step: str, *settings: Any) -> str:
    """The settings and rules that a snapshot rests on."""
    return fingerprint(*settings, *marks(step, versions_of(step)))


def _added(built: Mapping[datetime, str], settings: str, before: Mapping[str, str]) -> list[datetime] | None:
    old = {day: before.get(windows.name(day, DAY)) for day in built}
    added = sorted(day for day, output in old.items() if output is None)
    known = {windows.name(day, DAY): output for day, output in built.items() if day not in added}
    same = before == known | {"settings": settings}
    return added if same and len(added) < len(known) else None


def stamp_rows(table: Table, rows: DataFrame, state: BuildPlan) -> DataFrame:
    """Rows of a snapshot with the day that it is as of, and when it was built."""
    return table.conform(rows.withColumn("as_of", F.lit(state.as_of.date())).withColumn("built_at", F.lit(now())))


def record_snapshot(
    ctx: Context,
    state: BuildPlan,
    verdicts: Sequence[great_expectations.Verdict],
    rows_in: int,
    rows_out: int,
    of: Sequence[Table],
) -> None:
    """Record what became of a snapshot; its day is the latest processed one, its counts what each day gave.

    Built where every verdict passed: then all tables `of` the step were written, else none.
    """
    row = {"day": state.as_of.date(), "input_digest": state.digest, "rows_in": rows_in, "rows_out": rows_out}
    failed = "; ".join(text for verdict in verdicts for texts in verdict.failed.values() for text in texts)
    status = {"status": "stopped" if failed else "built", "verdict": failed or None}
    status |= {"writes": ctx.ledger.writes(of, () if failed else of), "rule_versions": versions_of(state.step)}
    rests_on = {windows.name(day, DAY): output for day, output in state.days.items()} | {"settings": state.settings}
    outcome = {"output_digest": fingerprint(state.step, state.digest), "counts": rests_on, "reads": dict(state.reads)}
    ctx.ledger.record_builds(state.step, [row | status | outcome])
