"""Create the user-item matrix: scores as sparse triples, with dense numbers for users and items.

One state, as of the latest processed day; `--start` and `--end` are taken for the scheduler's sake and choose nothing.
Reads daily_interactions; writes user_index, item_index (append-only) and user_item_matrix.
"""

import sys
from dataclasses import asdict
from datetime import datetime

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import user_item_matrix as suite
from spark_jobs import building, command_line, lease, tables
from spark_jobs.at_once import at_once
from spark_jobs.context import Context, Summary
from spark_jobs.predicates import in_days
from spark_jobs.transforms.came import of_others, of_those
from spark_jobs.transforms.indexing import first_free, new_ids, numbered, offsets
from spark_jobs.transforms.interactions import adds_exactly, more_cells, pair_scores, score
from spark_jobs.transforms.measure import measures, repeated_keys
from spark_jobs.windows import DAY, Window

STEP = "create_user_item_matrix"
PART = lease.MATRIX
BASES = (tables.INTERACTIONS,)


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
    addable = adds_exactly(weights) and not trailing_days
    added = state.added_to(ctx, tables.USER_ITEM_MATRIX) if addable else None
    came = interactions.where(in_days(added)) if added else interactions
    new_users, new_items = at_once(
        ctx.spark,
        lambda: _number(ctx, came, tables.USER_INDEX, "user_id", "user_index"),
        lambda: _number(ctx, came, tables.ITEM_INDEX, "item_id", "item_index"),
    )
    interactions = trailing(interactions, state.as_of, trailing_days)
    made, kept = _added(ctx, came, weights) if added else (scored(interactions, weights, *_numbers(ctx)), None)
    made = made.persist(StorageLevel.MEMORY_AND_DISK)  # judged, then written
    try:
        cells = building.stamped(tables.USER_ITEM_MATRIX, made.unionByName(kept) if added else made, state)
        found = _measures(ctx, cells, made, interactions, weights)
        verdict = building.verdict_of(ctx, suite.suite(ctx.settings), found, None)
        if not verdict.failed:
            ctx.storage.replace(tables.USER_ITEM_MATRIX, cells, None, note=state.digest)
        count = int(found["rows"].iloc[0])
        building.record_snapshot(ctx, state, verdict, rows_in=int(found["rows_in"].iloc[0]), rows_out=count)
        building.finish(ctx, verdict, cells, tables.USER_ITEM_MATRIX, suite.RULES)
    finally:
        made.unpersist()
    grown = {"as_of": state.as_of.date(), "days_added": len(added) if added else "all"}
    numbered = {name: int(found[name].iloc[0]) for name in ("users", "items")}
    return grown | numbered | {"cells": count, "new_users": new_users, "new_items": new_items}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame) -> dict[tables.Table, DataFrame]:
    """The matrix as of a day from all its interactions; ids without a number come out without one."""
    weights, trailing_days = chosen(ctx)
    return {tables.USER_ITEM_MATRIX: scored(trailing(interactions, as_of, trailing_days), weights, *_numbers(ctx))}


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


def _added(ctx: Context, came: DataFrame, weights: dict[str, float]) -> tuple[DataFrame, DataFrame]:
    """The cells of users who came, with what the days that came add to them; the cells of the others, as they stand."""
    standing = ctx.storage.read(tables.USER_ITEM_MATRIX).drop("as_of", "built_at")
    new = scored(came, weights, *_numbers(ctx))
    return more_cells(of_those(standing, came, "user_id").unionByName(new)), of_others(standing, came, "user_id")


def _numbers(ctx: Context) -> tuple[DataFrame, DataFrame]:
    return ctx.storage.read(tables.USER_INDEX), ctx.storage.read(tables.ITEM_INDEX)


def scored(interactions: DataFrame, weights: dict[str, float], users: DataFrame, items: DataFrame) -> DataFrame:
    """A row for each pair with its score and numbers; an id that `users` or `items` lacks comes out without one."""
    of_user, of_item = users.select("user_id", "user_index"), F.broadcast(items.select("item_id", "item_index"))
    return pair_scores(interactions, weights).join(of_user, "user_id", "left").join(of_item, "item_id", "left")


def _measures(
    ctx: Context, cells: DataFrame, made: DataFrame, interactions: DataFrame, weights: dict[str, float]
) -> pd.DataFrame:
    """`made`: the cells made just now, of whose users no other cell is; the keys of others were judged before."""
    table, total = tables.USER_ITEM_MATRIX, F.sum("score").alias("score_sum")
    largest = [F.max("user_index").alias("last_user"), F.max("item_index").alias("last_item")]
    found, users, items, due = at_once(
        ctx.spark,
        lambda: measures(cells, table, suite.RULES, further=[total, *largest], keys=False).toPandas(),
        lambda: ctx.storage.read(tables.USER_INDEX).agg(first_free("user_index")).first()[0],
        lambda: ctx.storage.read(tables.ITEM_INDEX).agg(first_free("item_index")).first()[0],
        lambda: interactions.agg(F.count("*").alias("rows"), F.sum(score(weights)).alias("score")).first(),
    )
    beyond = (found["last_user"] >= users) | (found["last_item"] >= items)
    found["repeated_keys"] = repeated_keys(made, table).first().repeated_keys
    found["numbers_beyond_index"] = beyond.astype(int)
    found["score_lost"] = (found["score_sum"] - due.score).abs().round(6)
    return found.assign(users=users, items=items, rows_in=due.rows)


if __name__ == "__main__":
    sys.exit(command_line.job(STEP, __doc__, run, DAY, PART))
