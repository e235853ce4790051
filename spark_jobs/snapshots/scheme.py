"""How a snapshot is built. Matrix and features each declare a `Scheme`; `build_snapshot` carries it out.

A snapshot is computed from daily tables. If days are the only change since the last one, it is extended: rows of keys
with new rows are computed again, all other rows are kept. Otherwise it is computed from scratch, by the same functions.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from expectations import Suite
from spark_jobs.builds.planning import BuildPlan, plan_snapshot
from spark_jobs.builds.recording import record_snapshot
from spark_jobs.builds.verdicts import judge_measures, report_verdict
from spark_jobs.context import Context, Summary
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_days
from spark_jobs.flow import Job
from spark_jobs.settings import Settings
from spark_jobs.tables import Table


@dataclass(frozen=True)
class Change:
    """What a snapshot is to be computed from.

    `bases`: the daily tables, restricted to the days that are built. `new_days`: the days by which the last snapshot is
    extended; None: it is computed from scratch. What `keep` persists stays until `cleanup` closes.
    """

    ctx: Context
    plan: BuildPlan
    bases: list[DataFrame]
    new_days: list[datetime] | None
    cleanup: ExitStack

    def new_rows(self, base: DataFrame) -> DataFrame:
        """Return the rows of the new days; from scratch, all rows."""
        return base.where(in_days(self.new_days)) if self.new_days else base

    def read_earlier(self, table: Table) -> DataFrame:
        """Return the rows that the last snapshot wrote into a table."""
        return self.plan.read_earlier(self.ctx, table)

    def keep(self, rows: DataFrame) -> DataFrame:
        """Persist rows that are used more than once: validated first, then written."""
        rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
        self.cleanup.callback(rows.unpersist)
        return rows


@dataclass(frozen=True)
class Output:
    """A table to write: `rows` in the place of all its rows, or `appends` them. None: nothing to write.

    `suite` validates `measures`, one row; without a suite the table is validated through the others. `name` names the
    failpoint after the write.
    """

    table: Table
    rows: DataFrame | None
    name: str
    appends: bool = False
    suite: Suite | None = None
    measures: pd.DataFrame | None = None


@dataclass(frozen=True)
class BuiltSnapshot:
    """The outputs in the order in which they are written, the rows read, and what the job reports."""

    outputs: Sequence[Output]
    rows_in: int
    summary: Summary


@dataclass(frozen=True)
class Scheme:
    """What a snapshot declares.

    `bases`: the daily tables that it is computed from. `settings`: those settings that its rows depend on. `extends`:
    the tables whose earlier rows an extension needs. `can_extend`: whether the settings allow an extension. `compute`:
    the outputs for a change. `from_scratch`: every table that follows from all days of the bases, for a repeated build.
    """

    job: Job
    bases: tuple[Table, ...]
    settings: Callable[[Settings], tuple[Any, ...]]
    extends: tuple[Table, ...]
    can_extend: Callable[[Settings], bool]
    compute: Callable[[Change], BuiltSnapshot]
    from_scratch: Callable[..., dict[Table, DataFrame]]


def build_snapshot(ctx: Context, scheme: Scheme) -> Summary:
    """Plan, compute, validate, then write and record; do nothing if nothing changed.

    Raises QualityError where a verdict fails. All verdicts come before the first write, so every table then stays as
    it was.
    """
    plan = plan_snapshot(ctx, scheme.job.name, scheme.bases, *scheme.settings(ctx.settings))
    if plan.unchanged:
        return {"unchanged": True, "as_of": plan.as_of.date()}
    new_days = plan.days_to_add(ctx, *scheme.extends) if scheme.can_extend(ctx.settings) else None
    with ExitStack() as persisted:
        built = scheme.compute(Change(ctx, plan, plan.read_bases(ctx, *scheme.bases), new_days, persisted))
        _validate_and_write(ctx, scheme.job, plan, built)
    return {"as_of": plan.as_of.date(), "days_added": len(new_days) if new_days else "all"} | built.summary


def _validate_and_write(ctx: Context, job: Job, plan: BuildPlan, built: BuiltSnapshot) -> None:
    """Validate every output; if all pass, write them one after another; then write the ledger."""
    judged = [(each, each.suite, each.measures) for each in built.outputs if each.suite and each.measures is not None]
    verdicts = [judge_measures(ctx, suite, found, None) for _, suite, found in judged]
    failpoints.reach(f"{job.writer}.judged")
    if not any(verdict.failed for verdict in verdicts):
        for output in built.outputs:
            _write_output(ctx, output)
            failpoints.reach(f"{job.writer}.{output.name}")
    rows_out = sum(int(found["rows"].iloc[0]) for _, _, found in judged)
    record_snapshot(ctx, plan, verdicts, rows_in=built.rows_in, rows_out=rows_out, of=job.writes)
    for verdict, (output, suite, _) in zip(verdicts, judged, strict=True):
        if output.rows is not None:
            report_verdict(ctx, verdict, output.rows, output.table, suite.rules)


def _write_output(ctx: Context, output: Output) -> None:
    if output.rows is None:
        return
    if output.appends:
        ctx.writer.append(output.table, output.rows)
    else:
        ctx.writer.replace(output.table, output.rows, None)
