"""The user-item matrix: scores as sparse triples, with dense numbers for users and items.

Computed from daily_interactions; writes user_index and item_index (append-only), then user_item_matrix.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations import Suite, user_item_matrix
from spark_jobs import flow, tables
from spark_jobs.builds.recording import stamp_rows
from spark_jobs.context import Context
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.erasure.retired_numbers import count_assigned
from spark_jobs.settings import Settings
from spark_jobs.snapshots.scheme import BuiltSnapshot, Change, Output, Scheme
from spark_jobs.snapshots.type_counts import complete_counts
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.measures import measures
from spark_jobs.transforms.millionths import from_score, sum_millionths
from spark_jobs.transforms.scores import merge_cells, score, score_pairs
from spark_jobs.windows import DAY

TABLE = tables.USER_ITEM_MATRIX


class ExpectedTotals(NamedTuple):
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

    `existing`: its rows. `new`: rows to append, `count` of them. `free`: the first free number after the append.
    """

    table: tables.Table
    existing: DataFrame
    new: DataFrame
    count: int
    free: int

    @property
    def rows(self) -> DataFrame:
        """Return the numbers of all ids, existing and new."""
        return self.existing.unionByName(self.new)


def select_settings(settings: Settings) -> tuple[dict[str, float], int]:
    """Return the settings that the matrix depends on: the weights and the number of trailing days."""
    return settings.events.weights, settings.matrix.trailing_days


def compute(change: Change) -> BuiltSnapshot:
    """Number new ids and score every pair; extended, only the pairs of users with new rows."""
    ctx, plan = change.ctx, change.plan
    weights, trailing_days = select_settings(ctx.settings)
    interactions = complete_counts(change.bases[0], ctx.settings)
    within = keep_trailing_days(interactions, plan.as_of, trailing_days)
    new_rows = change.new_rows(within)
    seen = new_rows if change.new_days else interactions  # ids outside the trailing window get a number too
    earlier = change.read_earlier(TABLE).drop("as_of", "built_at") if change.new_days else None
    kept = None if earlier is None else without_keys_of(earlier, new_rows, "user_id")
    users, items, expected = run_concurrently(
        ctx.spark,
        lambda: _number_new_ids(change, seen, tables.USER_INDEX),
        lambda: _number_new_ids(change, seen, tables.ITEM_INDEX),
        lambda: _compute_expected_totals(ctx, within, new_rows, earlier, kept),
    )
    computed = change.keep(stamp_rows(TABLE, _compute_cells(new_rows, earlier, weights, users, items), plan))
    cells = computed if kept is None else computed.unionByName(stamp_rows(TABLE, kept, plan))
    suite = user_item_matrix.suite()
    cell_measures = _measure_cells(computed, suite, users, items, expected)
    indexes = zip((users, items), ("users", "items"), strict=True)
    outputs = [Output(index.table, index.new if index.count else None, name, appends=True) for index, name in indexes]
    numbers = {"users": users.free, "items": items.free, "cells": int(cell_measures["rows"].iloc[0])}
    return BuiltSnapshot(
        [*outputs, Output(TABLE, cells, "written", suite=suite, measures=cell_measures)],
        expected.rows_in,
        numbers | {"new_users": users.count, "new_items": items.count},
    )


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame) -> dict[tables.Table, DataFrame]:
    """Compute the matrix as of a day from all its interactions. The number is null for an id that no index has."""
    weights, trailing_days = select_settings(ctx.settings)
    interactions = complete_counts(interactions, ctx.settings)
    users, items = ctx.storage.read(tables.USER_INDEX), ctx.storage.read(tables.ITEM_INDEX)
    return {TABLE: score_cells(keep_trailing_days(interactions, as_of, trailing_days), weights, users, items)}


def keep_trailing_days(interactions: DataFrame, as_of: datetime, days: int) -> DataFrame:
    """Keep the last `days` days up to `as_of`; 0 keeps all days."""
    return interactions.where(F.col("event_date") > F.lit((as_of - days * DAY).date())) if days else interactions


def _number_new_ids(change: Change, interactions: DataFrame, table: tables.Table) -> Index:
    """Number the ids that the latest version of the index does not have.

    That version includes the numbers of an attempt that ended before its row in the ledger; they stay valid.
    """
    (number, name, _), storage = table.columns, change.ctx.storage
    version = storage.version(table)
    index = storage.read(table, version)  # the state before the append
    fresh = change.keep(new_ids(interactions, index, name))  # counted by day, joined, then written
    by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
    free, count = count_assigned(storage, table, version), sum(by_day.values())
    return Index(table, index, assign_numbers(fresh, first_numbers(by_day, free), name, number), count, free + count)


def _compute_expected_totals(
    ctx: Context, within: DataFrame, new_rows: DataFrame, earlier: DataFrame | None, kept: DataFrame | None
) -> ExpectedTotals:
    def count_and_sum(cells: DataFrame, of: Column) -> tuple[int, Decimal]:
        rows, summed = cells.agg(F.count("*"), sum_millionths(of)).head(1)[0]
        return rows, summed

    new_score = score(select_settings(ctx.settings)[0])
    if earlier is None or kept is None:
        rows_in, new = count_and_sum(new_rows, new_score)
        return ExpectedTotals(rows_in, 0, new)
    rows_in, (_, new), (_, before), (rows, stays) = run_concurrently(
        ctx.spark,
        within.count,
        lambda: count_and_sum(new_rows, new_score),
        lambda: count_and_sum(earlier, from_score("score")),
        lambda: count_and_sum(kept, from_score("score")),
    )
    return ExpectedTotals(rows_in, rows, new + before - stays)


def _compute_cells(
    new_rows: DataFrame, earlier: DataFrame | None, weights: dict[str, float], users: Index, items: Index
) -> DataFrame:
    """Compute the cells of users with new rows, `earlier` cells included; if that is None, all cells from scratch."""
    if earlier is None:
        return score_cells(new_rows, weights, users.rows, items.rows)
    new = score_cells(new_rows, weights, F.broadcast(with_keys_of(users.rows, new_rows, "user_id")), items.rows)
    return merge_cells(with_keys_of(earlier, new_rows, "user_id").unionByName(new))


def score_cells(interactions: DataFrame, weights: dict[str, float], users: DataFrame, items: DataFrame) -> DataFrame:
    """Score each pair and add its numbers; the number is null for an id that is missing in `users` or `items`."""
    of_user, of_item = users.select("user_id", "user_index"), F.broadcast(items.select("item_id", "item_index"))
    return score_pairs(interactions, weights).join(of_user, "user_id", "left").join(of_item, "item_id", "left")


def _measure_cells(
    computed: DataFrame, suite: Suite, users: Index, items: Index, expected: ExpectedTotals
) -> pd.DataFrame:
    """Measure the cells computed now: all cells of the users concerned.

    The cells of other users were validated when they were built; they only count in `rows`.
    """
    summed = sum_millionths(from_score("score")).alias("score_sum")
    largest = [F.max("user_index").alias("last_user"), F.max("item_index").alias("last_item")]
    found = measures(computed, TABLE, suite.rules, further=[summed, *largest]).toPandas()
    is_beyond = (found["last_user"] >= users.free) | (found["last_item"] >= items.free)
    found["numbers_beyond_index"] = is_beyond.astype(int)
    lost = found["score_sum"] - expected.score  # type: ignore[operator]  # the stubs know no Decimal
    found["score_lost"] = lost.abs()
    found["rows"] += expected.kept
    return found


MATRIX = Scheme(
    job=flow.CREATE_USER_ITEM_MATRIX,
    bases=(tables.INTERACTIONS,),
    settings=select_settings,
    extends=(TABLE,),
    can_extend=lambda settings: not settings.matrix.trailing_days,  # a trailing window also loses days
    compute=compute,
    from_scratch=from_scratch,
)
