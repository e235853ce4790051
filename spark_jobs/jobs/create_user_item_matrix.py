"""Create the user-item matrix: scores as sparse triples, with dense numbers for users and items.

Builds one state, as of the latest processed day. `--start` and `--end` are accepted because the scheduler passes them;
they have no effect.
Reads daily_interactions; writes user_index, item_index (append-only) and user_item_matrix.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations import user_item_matrix as suite
from spark_jobs import command_line, flow, tables
from spark_jobs.builds.assigned_numbers import count_assigned
from spark_jobs.builds.planning import BuildPlan, plan_snapshot
from spark_jobs.builds.recording import record_snapshot, stamp_rows
from spark_jobs.builds.verdicts import judge_measures, report_verdict
from spark_jobs.context import Context, Summary
from spark_jobs.coordination import failpoints
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.predicates import in_days
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.interactions import merge_cells, score, score_pairs
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.measures import measures
from spark_jobs.transforms.scores import from_score, total
from spark_jobs.windows import DAY, Window

JOB = flow.CREATE_USER_ITEM_MATRIX
TABLE = tables.USER_ITEM_MATRIX
BASES = (tables.INTERACTIONS,)


class Due(NamedTuple):
    """The totals that the new matrix must have.

    `rows_in`: rows of interactions that the matrix is built from. `kept`: cells taken over from the last snapshot.
    `score`: the sum, in whole millionths, over the cells computed now: that of the new rows plus that of the earlier
    cells that are not kept.
    """

    rows_in: int
    kept: int
    score: Decimal


@dataclass(frozen=True)
class Index:
    """An index table and the numbers to append to it.

    `there`: existing rows. `new`: rows to append, `count` of them. `free`: the first free number after the append.
    """

    table: tables.Table
    there: DataFrame
    new: DataFrame
    count: int
    free: int

    @property
    def rows(self) -> DataFrame:
        """Return the numbers of all ids, existing and new."""
        return self.there.unionByName(self.new)


def chosen(ctx: Context) -> tuple[dict[str, float], int]:
    """Return the settings that the matrix depends on: the weights and the number of trailing days."""
    return asdict(ctx.settings.matrix.weights), ctx.settings.matrix.trailing_days


def run(ctx: Context, days: Window) -> Summary:
    """Number new ids, score every pair, validate, then write index tables and matrix; do nothing if nothing changed.

    Raises QualityError where the verdict fails. The verdict comes before the first write, so index tables and matrix
    then stay as they were.
    """
    weights, trailing_days = chosen(ctx)
    plan = plan_snapshot(ctx, JOB.name, BASES, weights, trailing_days)
    if plan.unchanged:
        return {"unchanged": True, "as_of": plan.as_of.date()}
    (interactions,) = plan.bases(ctx, *BASES)
    added = None if trailing_days else plan.added_to(ctx, TABLE)
    within = trailing(interactions, plan.as_of, trailing_days)
    new_rows = within.where(in_days(added)) if added else within
    seen = new_rows if added else interactions  # ids outside the trailing window get a number too
    earlier = plan.earlier(ctx, TABLE).drop("as_of", "built_at") if added else None
    kept = None if earlier is None else without_keys_of(earlier, new_rows, "user_id")
    with ExitStack() as held:
        users, items, due = run_concurrently(
            ctx.spark,
            lambda: _numbered(ctx, held, seen, tables.USER_INDEX),
            lambda: _numbered(ctx, held, seen, tables.ITEM_INDEX),
            lambda: _due(ctx, within, new_rows, earlier, kept),
        )
        made = _made(new_rows, earlier, weights, users, items)
        made = stamp_rows(TABLE, made, plan).persist(StorageLevel.MEMORY_AND_DISK)  # validated, then written
        held.callback(made.unpersist)
        cells = made if kept is None else made.unionByName(stamp_rows(TABLE, kept, plan))
        found = _replace(ctx, plan, cells, (users, items), _measures(made, users, items, due), due.rows_in)
    grown = {"as_of": plan.as_of.date(), "days_added": len(added) if added else "all"}
    numbers = {"users": users.free, "items": items.free}
    return grown | numbers | {"cells": int(found["rows"].iloc[0]), "new_users": users.count, "new_items": items.count}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame) -> dict[tables.Table, DataFrame]:
    """Compute the matrix as of a day from all its interactions. The number is null for an id that no index has."""
    weights, trailing_days = chosen(ctx)
    users, items = ctx.storage.read(tables.USER_INDEX), ctx.storage.read(tables.ITEM_INDEX)
    return {TABLE: scored(trailing(interactions, as_of, trailing_days), weights, users, items)}


def trailing(interactions: DataFrame, as_of: datetime, days: int) -> DataFrame:
    """Keep the last `days` days up to `as_of`; 0 keeps all days."""
    return interactions.where(F.col("event_date") > F.lit((as_of - days * DAY).date())) if days else interactions


def _numbered(ctx: Context, held: ExitStack, interactions: DataFrame, table: tables.Table) -> Index:
    """Number the ids that the latest version of the index does not have.

    That version includes the numbers of an attempt that ended before its row in the ledger; they stay valid.
    """
    number, name, _ = table.columns
    version = ctx.storage.version(table)
    index = ctx.storage.read(table, version)  # the state before the append
    fresh = new_ids(interactions, index, name).persist()  # counted by day, joined, then written
    held.callback(fresh.unpersist)
    by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
    free, count = count_assigned(ctx.storage, table, version), sum(by_day.values())
    return Index(table, index, assign_numbers(fresh, first_numbers(by_day, free), name, number), count, free + count)


def _due(
    ctx: Context, within: DataFrame, new_rows: DataFrame, earlier: DataFrame | None, kept: DataFrame | None
) -> Due:
    def counted(cells: DataFrame, of: Column) -> tuple[int, Decimal]:
        rows, summed = cells.agg(F.count("*"), total(of)).head(1)[0]
        return rows, summed

    new_score = score(chosen(ctx)[0])
    if earlier is None or kept is None:
        rows_in, new = counted(new_rows, new_score)
        return Due(rows_in, 0, new)
    rows_in, (_, new), (_, before), (rows, stays) = run_concurrently(
        ctx.spark,
        within.count,
        lambda: counted(new_rows, new_score),
        lambda: counted(earlier, from_score("score")),
        lambda: counted(kept, from_score("score")),
    )
    return Due(rows_in, rows, new + before - stays)


def _made(
    new_rows: DataFrame, earlier: DataFrame | None, weights: dict[str, float], users: Index, items: Index
) -> DataFrame:
    """Compute the cells of users with new rows, `earlier` cells included; if that is None, all cells from scratch."""
    if earlier is None:
        return scored(new_rows, weights, users.rows, items.rows)
    new = scored(new_rows, weights, F.broadcast(with_keys_of(users.rows, new_rows, "user_id")), items.rows)
    return merge_cells(with_keys_of(earlier, new_rows, "user_id").unionByName(new))


def scored(interactions: DataFrame, weights: dict[str, float], users: DataFrame, items: DataFrame) -> DataFrame:
    """Score each pair and add its numbers; the number is null for an id that is missing in `users` or `items`."""
    of_user, of_item = users.select("user_id", "user_index"), F.broadcast(items.select("item_id", "item_index"))
    return score_pairs(interactions, weights).join(of_user, "user_id", "left").join(of_item, "item_id", "left")


def _measures(made: DataFrame, users: Index, items: Index, due: Due) -> pd.DataFrame:
    """Measure the cells computed now: all cells of the users concerned.

    The cells of other users were validated when they were built; they only count in `rows`.
    """
    summed = total(from_score("score")).alias("score_sum")
    largest = [F.max("user_index").alias("last_user"), F.max("item_index").alias("last_item")]
    found = measures(made, TABLE, suite.RULES, further=[summed, *largest]).toPandas()
    beyond = (found["last_user"] >= users.free) | (found["last_item"] >= items.free)
    found["numbers_beyond_index"] = beyond.astype(int)
    found["score_lost"] = (found["score_sum"] - due.score).abs()  # type: ignore[operator]  # the stubs know no Decimal
    found["rows"] += due.kept
    return found


def _replace(
    ctx: Context, plan: BuildPlan, cells: DataFrame, indexes: Sequence[Index], found: pd.DataFrame, rows_in: int
) -> pd.DataFrame:
    """Validate; if the verdict passes, write new numbers and cells; then write the ledger. Return the measures.

    Raises QualityError where the verdict fails.
    """
    verdict = judge_measures(ctx, suite.suite(ctx.settings), found, None)
    failpoints.reach("matrix.judged")
    if not verdict.failed:
        for index, failpoint in zip(indexes, ("matrix.users", "matrix.items"), strict=True):
            if index.count:
                ctx.writer.append(index.table, index.new)
            failpoints.reach(failpoint)
        ctx.writer.replace(TABLE, cells, None)
        failpoints.reach("matrix.written")
    record_snapshot(ctx, plan, [verdict], rows_in=rows_in, rows_out=int(found["rows"].iloc[0]), of=JOB.writes)
    report_verdict(ctx, verdict, cells, TABLE, suite.RULES)
    return found


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
