"""Feature engineering: compute the features of each user and each item, as of the latest processed day.

Builds one state. `--start` and `--end` are accepted because the scheduler passes them; they have no effect.
Reads daily_interactions and daily_items; writes user_features, item_sums, and item_features, which are computed from
item_sums.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from types import ModuleType

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import item_features as item_suite
from expectations import user_features as user_suite
from spark_jobs import command_line, flow, tables
from spark_jobs.builds.planning import BuildPlan, plan_snapshot
from spark_jobs.builds.recording import record_snapshot, stamp_rows
from spark_jobs.builds.verdicts import judge_measures, report_verdict
from spark_jobs.context import Context, Summary
from spark_jobs.coordination import failpoints
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.predicates import in_days
from spark_jobs.tables import Table
from spark_jobs.transforms.aggregates import add_item_sums, item_sums, user_sums
from spark_jobs.transforms.features import item_features, user_features
from spark_jobs.transforms.interactions import find_first_meetings
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.measures import measures
from spark_jobs.windows import Window

JOB = flow.FEATURE_ENGINEERING
BASES = (tables.INTERACTIONS, tables.ITEM_DAYS)
LEVEL = StorageLevel.MEMORY_AND_DISK


@dataclass(frozen=True)
class Output:
    """A table to write.

    `made`: rows computed now, which its suite validates. `kept`: rows taken over from the last snapshot; None: none.
    """

    table: Table
    suite: ModuleType
    made: DataFrame
    kept: DataFrame | None

    @property
    def rows(self) -> DataFrame:
        """Return all rows of the table."""
        return self.made if self.kept is None else self.made.unionByName(self.kept)


def chosen(ctx: Context) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the settings that the features depend on: score weights, price range limits, popularity weights."""
    features = ctx.settings.features
    popularity = {"views": features.popularity_views, "purchases": features.popularity_purchases}
    return asdict(ctx.settings.matrix.weights), asdict(features.price_range), popularity


def run(ctx: Context, days: Window) -> Summary:
    """Compute active users from all their days, and items by adding the new days to their sums; or all from scratch.

    Does nothing where nothing changed. Raises QualityError where a verdict fails. All verdicts come before the first
    write, so every table then stays as it was.
    """
    plan = plan_snapshot(ctx, JOB.name, BASES, *chosen(ctx))
    if plan.unchanged:
        return {"unchanged": True, "as_of": plan.as_of.date()}
    interactions, items = plan.bases(ctx, *BASES)
    new_days = plan.added_to(ctx, tables.ITEM_SUMS, tables.USER_FEATURES)
    new_rows = interactions.where(in_days(new_days)) if new_days else interactions
    with ExitStack() as held:
        theirs = _kept(held, with_keys_of(interactions, new_rows, "user_id")) if new_days else interactions
        met = _kept(
            held, find_first_meetings(theirs, F.expr(in_days(new_days)) if new_days else None)
        )  # used by both tables
        added = item_sums(new_rows, met)
        sums = _kept(held, _item_sums(ctx, plan, new_rows, added, new_days))  # validated through item_features
        outputs = [
            _users(ctx, plan, held, new_rows, user_sums(theirs, met), new_days),
            _items(ctx, plan, held, sums, items),
        ]
        found = run_concurrently(ctx.spark, *(partial(_measured, ctx, plan, output) for output in outputs))
        rows = _replace(ctx, plan, sums, outputs, found)
    grown = {"as_of": plan.as_of.date(), "days_added": len(new_days) if new_days else "all"}
    return grown | {"users": rows[0], "items": rows[1]}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame, items: DataFrame) -> dict[Table, DataFrame]:
    """Compute the three tables from the days of their bases, of which `as_of` is the last."""
    weights, limits, popularity = chosen(ctx)
    met = find_first_meetings(interactions)
    of_items = item_sums(interactions, met)
    return {
        tables.ITEM_SUMS: of_items,
        tables.USER_FEATURES: user_features(user_sums(interactions, met), weights),
        tables.ITEM_FEATURES: item_features(of_items, items, limits, popularity),
    }


def _kept(held: ExitStack, rows: DataFrame) -> DataFrame:
    """Persist the rows until `held` closes: they are validated first, and used or written afterwards."""
    rows = rows.persist(LEVEL)
    held.callback(rows.unpersist)
    return rows


def _item_sums(
    ctx: Context, plan: BuildPlan, new_rows: DataFrame, sums: DataFrame, days: list[datetime] | None
) -> DataFrame:
    return add_item_sums(plan.earlier(ctx, tables.ITEM_SUMS), sums, new_rows) if days else sums


def _users(
    ctx: Context, plan: BuildPlan, held: ExitStack, new_rows: DataFrame, sums: DataFrame, days: list[datetime] | None
) -> Output:
    """Build user_features: active users from their `sums`, the other users from the last snapshot."""
    table = tables.USER_FEATURES
    made = _kept(held, stamp_rows(table, user_features(sums, chosen(ctx)[0]), plan))
    if not days:
        return Output(table, user_suite, made, None)
    others = without_keys_of(plan.earlier(ctx, table), new_rows, "user_id")
    return Output(table, user_suite, made, stamp_rows(table, others, plan))


def _items(ctx: Context, plan: BuildPlan, held: ExitStack, sums: DataFrame, known: DataFrame) -> Output:
    """Build item_features from the sums of all items."""
    table, (_, limits, popularity) = tables.ITEM_FEATURES, chosen(ctx)
    made = _kept(held, stamp_rows(table, item_features(sums, known, limits, popularity), plan))
    return Output(table, item_suite, made, None)


def _measured(ctx: Context, plan: BuildPlan, output: Output) -> pd.DataFrame:
    """Measure the rows computed now. Kept rows were validated when they were built, so they are only counted."""
    total = F.sum("total_events").alias("events")

    def of_made() -> pd.DataFrame:
        return measures(output.made, output.table, output.suite.RULES, further=[total]).toPandas()

    def of_kept() -> tuple[int, int]:
        rows, events = output.kept.agg(F.count("*"), total).head(1)[0] if output.kept is not None else (0, 0)
        return rows, events or 0

    found: pd.DataFrame
    found, (rows, events) = run_concurrently(ctx.spark, of_made, of_kept)
    found["rows"] += rows
    found["events_lost"] = (found["events"] + events - plan.events).abs()
    return found


def _replace(
    ctx: Context, plan: BuildPlan, sums: DataFrame, outputs: Sequence[Output], found: Sequence[pd.DataFrame]
) -> list[int]:
    """Validate every output; if all pass, write them one after another; then write the ledger. Return their row counts.

    Raises QualityError where a verdict fails; the outputs then stay as they were.
    """
    judged = zip(outputs, found, strict=True)
    verdicts = [judge_measures(ctx, output.suite.suite(ctx.settings), of, None) for output, of in judged]
    rows = [int(of["rows"].iloc[0]) for of in found]
    failpoints.reach("features.judged")
    if not any(verdict.failed for verdict in verdicts):
        ctx.writer.replace(tables.ITEM_SUMS, sums, None)
        failpoints.reach("features.sums")
        for output, failpoint in zip(outputs, ("features.users", "features.written"), strict=True):
            ctx.writer.replace(output.table, output.rows, None)
            failpoints.reach(failpoint)
    record_snapshot(ctx, plan, verdicts, rows_in=plan.events, rows_out=sum(rows), of=JOB.writes)
    for verdict, output in zip(verdicts, outputs, strict=True):
        report_verdict(ctx, verdict, output.rows, output.table, output.suite.RULES)
    return rows


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
