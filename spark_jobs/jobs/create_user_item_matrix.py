"""Create the user-item matrix: scores as sparse triples, with dense numbers for users and items.

One state, as of the latest processed day; `--start` and `--end` are taken for the scheduler's sake and choose nothing.
Reads daily_interactions; writes user_index, item_index (append-only) and user_item_matrix.
"""

import sys
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations import user_item_matrix as suite
from spark_jobs import building, command_line, lease, tables
from spark_jobs.at_once import at_once
from spark_jobs.building import Snapshot
from spark_jobs.context import Context, Summary
from spark_jobs.predicates import in_days
from spark_jobs.transforms.came import of_others, of_those
from spark_jobs.transforms.indexing import first_free, new_ids, numbered, offsets
from spark_jobs.transforms.interactions import more_cells, pair_scores, score
from spark_jobs.transforms.measure import measures
from spark_jobs.transforms.scores import from_score, total
from spark_jobs.windows import DAY, Window

STEP = "create_user_item_matrix"
PART = lease.MATRIX
TABLE = tables.USER_ITEM_MATRIX
BASES = (tables.INTERACTIONS,)


class Due(NamedTuple):
    """How many cells are `kept`, and the `score` that those made now must have, in whole millionths: that of the new
    days, and of the earlier cells that are not kept."""

    kept: int
    score: Decimal


def chosen(ctx: Context) -> tuple:
    """The settings that the matrix rests on: the weights, and of how many days."""
    return asdict(ctx.settings.matrix.weights), ctx.settings.matrix.trailing_days


def run(ctx: Context, days: Window) -> Summary:
    """Numbers new ids, scores every pair, judges, replaces the matrix; does nothing where nothing changed."""
    weights, trailing_days = chosen(ctx)
    state = building.snapshot(ctx, STEP, BASES, weights, trailing_days)
    if state.unchanged:
        return {"unchanged": True, "as_of": state.as_of.date()}
    interactions = ctx.storage.read(tables.INTERACTIONS, state.reads[tables.INTERACTIONS.name])
    added = None if trailing_days else state.added_to(ctx, TABLE)
    within = trailing(interactions, state.as_of, trailing_days)
    came = within.where(in_days(added)) if added else within
    seen = came if added else interactions  # an id has a number beyond the window too
    standing = (ctx.storage.read(TABLE) if added else ctx.storage.frame(TABLE, [])).drop("as_of", "built_at")
    kept = of_others(standing, came, "user_id") if added else standing
    new_users, new_items, due, rows_in = at_once(
        ctx.spark,
        lambda: _number(ctx, seen, tables.USER_INDEX, "user_id", "user_index"),
        lambda: _number(ctx, seen, tables.ITEM_INDEX, "item_id", "item_index"),
        lambda: _due(ctx, came, standing, kept),
        lambda: within.count(),
    )
    made = building.stamped(TABLE, _made(ctx, came, standing if added else None), state)
    made = made.persist(StorageLevel.MEMORY_AND_DISK)  # judged, then written
    try:
        cells = made.unionByName(building.stamped(TABLE, kept, state))
        found = _replace(ctx, state, cells, _measures(ctx, made, due), rows_in)
    finally:
        made.unpersist()
    grown = {"as_of": state.as_of.date(), "days_added": len(added) if added else "all"}
    numbered = {name: int(found[name].iloc[0]) for name in ("users", "items")}
    return grown | numbered | {"cells": int(found["rows"].iloc[0]), "new_users": new_users, "new_items": new_items}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame) -> dict[tables.Table, DataFrame]:
    """The matrix as of a day from all its interactions; ids without a number come out without one."""
    weights, trailing_days = chosen(ctx)
    return {TABLE: scored(trailing(interactions, as_of, trailing_days), weights, *_numbers(ctx))}


def trailing(interactions: DataFrame, as_of: datetime, days: int) -> DataFrame:
    """The last `days` days up to `as_of`; 0: all."""
    return interactions.where(F.col("event_date") > F.lit((as_of - days * DAY).date())) if days else interactions


def _number(ctx: Context, interactions: DataFrame, table: tables.Table, name: str, number: str) -> int:
    """Appends numbers for ids that have none; returns how many. A second attempt finds nothing left to do."""
    index = ctx.storage.read(table)
    fresh = new_ids(interactions, index, name).persist()  # counted by day, then written
    try:
        by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
        if by_day:
            ctx.storage.append(
                table, numbered(fresh, offsets(by_day, index.agg(first_free(number)).first()[0]), name, number)
            )
    finally:
        fresh.unpersist()
    return sum(by_day.values())


def _due(ctx: Context, came: DataFrame, standing: DataFrame, kept: DataFrame) -> Due:
    def counted(cells: DataFrame, of: Column) -> tuple[int, Decimal]:
        return cells.agg(F.count("*"), total(of)).first()

    (_, new), (_, stood), (rows, stays) = at_once(
        ctx.spark,
        lambda: counted(came, score(chosen(ctx)[0])),
        lambda: counted(standing, from_score("score")),
        lambda: counted(kept, from_score("score")),
    )
    return Due(rows, new + stood - stays)


def _made(ctx: Context, came: DataFrame, standing: DataFrame | None) -> DataFrame:
    """The cells of users who came, what `standing` has of them included; None: everybody's, from scratch."""
    weights, (users, items) = chosen(ctx)[0], _numbers(ctx)
    if standing is None:
        return scored(came, weights, users, items)
    new = scored(came, weights, F.broadcast(of_those(users, came, "user_id")), items)
    return more_cells(of_those(standing, came, "user_id").unionByName(new))


def _numbers(ctx: Context) -> tuple[DataFrame, DataFrame]:
    return ctx.storage.read(tables.USER_INDEX), ctx.storage.read(tables.ITEM_INDEX)


def scored(interactions: DataFrame, weights: dict[str, float], users: DataFrame, items: DataFrame) -> DataFrame:
    """A row for each pair with its score and numbers; an id that `users` or `items` lacks comes out without one."""
    of_user, of_item = users.select("user_id", "user_index"), F.broadcast(items.select("item_id", "item_index"))
    return pair_scores(interactions, weights).join(of_user, "user_id", "left").join(of_item, "item_id", "left")


def _measures(ctx: Context, made: DataFrame, due: Due) -> pd.DataFrame:
    """Of the cells made now, which are all of their users; those of others were judged when they were made, and are
    only counted in `rows`."""
    summed = total(from_score("score")).alias("score_sum")
    largest = [F.max("user_index").alias("last_user"), F.max("item_index").alias("last_item")]
    found, users, items = at_once(
        ctx.spark,
        lambda: measures(made, TABLE, suite.RULES, further=[summed, *largest]).toPandas(),
        lambda: ctx.storage.read(tables.USER_INDEX).agg(first_free("user_index")).first()[0],
        lambda: ctx.storage.read(tables.ITEM_INDEX).agg(first_free("item_index")).first()[0],
    )
    beyond = (found["last_user"] >= users) | (found["last_item"] >= items)
    found["numbers_beyond_index"] = beyond.astype(int)
    found["score_lost"] = (found["score_sum"] - due.score).abs()
    found["rows"] += due.kept
    return found.assign(users=users, items=items)


def _replace(ctx: Context, state: Snapshot, cells: DataFrame, found: pd.DataFrame, rows_in: int) -> pd.DataFrame:
    """Writes the cells where the verdict over their measures allows it, and the ledger; returns the measures."""
    verdict = building.verdict_of(ctx, suite.suite(ctx.settings), found, None)
    if not verdict.failed:
        ctx.storage.replace(TABLE, cells, None, note=state.digest)
    building.record_snapshot(ctx, state, verdict, rows_in=rows_in, rows_out=int(found["rows"].iloc[0]))
    building.finish(ctx, verdict, cells, TABLE, suite.RULES)
    return found


if __name__ == "__main__":
    sys.exit(command_line.job(STEP, __doc__, run, DAY, PART))
