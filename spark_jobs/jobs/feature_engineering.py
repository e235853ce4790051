"""Feature engineering: what is known of each user and each item, as of the latest processed day.

One state; `--start` and `--end` are taken for the scheduler's sake and choose nothing.
Reads daily_interactions and daily_items; writes user_features, and item_sums, from which item_features follow.
"""

import sys
from dataclasses import asdict
from datetime import datetime
from types import ModuleType

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import item_features as item_suite
from expectations import user_features as user_suite
from spark_jobs import building, command_line, lease, tables
from spark_jobs.at_once import at_once
from spark_jobs.building import Snapshot
from spark_jobs.context import Context, Summary
from spark_jobs.predicates import in_days
from spark_jobs.tables import Table
from spark_jobs.transforms.came import of_others, of_those
from spark_jobs.transforms.features import item_features, user_features
from spark_jobs.transforms.interactions import pairs
from spark_jobs.transforms.measure import measures
from spark_jobs.transforms.sums import item_sums, more_item_sums, user_sums
from spark_jobs.windows import DAY, Window

STEP = "feature_engineering"
PART = lease.FEATURES
BASES = (tables.INTERACTIONS, tables.ITEM_DAYS)
LEVEL = StorageLevel.MEMORY_AND_DISK


def chosen(ctx: Context) -> tuple:
    """The settings that the features rest on: weights, limits of the price ranges, what popularity counts."""
    features = ctx.settings.features
    popularity = {"views": features.popularity_views, "purchases": features.popularity_purchases}
    return asdict(ctx.settings.matrix.weights), asdict(features.price_range), popularity


def run(ctx: Context, days: Window) -> Summary:
    """Tells users who came from all their days, items from the sums that the days are added to; or all from scratch.
    Does nothing where nothing changed."""
    state = building.snapshot(ctx, STEP, BASES, *chosen(ctx))
    if state.unchanged:
        return {"unchanged": True, "as_of": state.as_of.date()}
    interactions, items = (ctx.storage.read(table, state.reads[table.name]) for table in BASES)
    new_days = state.added_to(ctx, tables.ITEM_SUMS, tables.USER_FEATURES)
    came = interactions.where(in_days(new_days)) if new_days else interactions
    theirs = of_those(interactions, came, "user_id").persist(LEVEL) if new_days else interactions
    met = pairs(theirs, F.expr(in_days(new_days)) if new_days else None).persist(LEVEL)  # both tables count them
    try:
        user_rows, item_rows = at_once(
            ctx.spark,
            lambda: _users(ctx, state, came, user_sums(theirs, met), new_days),
            lambda: _items(ctx, state, came, item_sums(came, met), new_days, items),
        )
    finally:
        met.unpersist()
        theirs.unpersist()
    verdict = building.quality.Verdict(STEP)
    building.record_snapshot(ctx, state, verdict, rows_in=state.events, rows_out=user_rows + item_rows)
    grown = {"as_of": state.as_of.date(), "days_added": len(new_days) if new_days else "all"}
    return grown | {"users": user_rows, "items": item_rows}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame, items: DataFrame) -> dict[Table, DataFrame]:
    """The three tables from the days of their bases, of which `as_of` is the last."""
    weights, limits, popularity = chosen(ctx)
    met = pairs(interactions)
    of_items = item_sums(interactions, met)
    return {
        tables.ITEM_SUMS: of_items,
        tables.USER_FEATURES: user_features(user_sums(interactions, met), weights),
        tables.ITEM_FEATURES: item_features(of_items, items, limits, popularity),
    }


def _users(ctx: Context, state: Snapshot, came: DataFrame, sums: DataFrame, days: list[datetime] | None) -> int:
    """Writes user_features: of users who came, from their `sums`; of the others, as they stand."""
    table, weights = tables.USER_FEATURES, chosen(ctx)[0]
    others = of_others(ctx.storage.read(table), came, "user_id") if days else ctx.storage.frame(table, [])
    return _build(ctx, state, table, user_features(sums, weights), others, user_suite)


def _items(
    ctx: Context, state: Snapshot, came: DataFrame, sums: DataFrame, days: list[datetime] | None, known: DataFrame
) -> int:
    """Writes item_sums, those of the days that came added to what stands, and item_features from them."""
    _, limits, popularity = chosen(ctx)
    grown = more_item_sums(ctx.storage.read(tables.ITEM_SUMS), sums, came) if days else sums
    ctx.storage.replace(tables.ITEM_SUMS, grown, None, note=state.digest)
    features = item_features(ctx.storage.read(tables.ITEM_SUMS), known, limits, popularity)
    none = ctx.storage.frame(tables.ITEM_FEATURES, [])
    return _build(ctx, state, tables.ITEM_FEATURES, features, none, item_suite)


def _build(ctx: Context, state: Snapshot, table: Table, made: DataFrame, kept: DataFrame, suite: ModuleType) -> int:
    """Judges one table and replaces it; returns its rows. Raises QualityError, the table then stays as it was.

    `kept` rows were judged when they were made, and so only counted here.
    """
    made = building.stamped(table, made, state).persist(LEVEL)  # judged, then written
    rows, total = made.unionByName(building.stamped(table, kept, state)), F.sum("total_events").alias("events")
    try:
        found, others = at_once(
            ctx.spark,
            lambda: measures(made, table, suite.RULES, further=[total]).toPandas(),
            lambda: kept.agg(F.count("*").alias("rows"), total).first(),
        )
        found["rows"] += others.rows
        found["events_lost"] = (found["events"] + (others.events or 0) - state.events).abs()
        verdict = building.verdict_of(ctx, suite.suite(ctx.settings), found, None)
        building.finish(ctx, verdict, rows, table, suite.RULES)
        ctx.storage.replace(table, rows, None, note=state.digest)
    finally:
        made.unpersist()
    return int(found["rows"].iloc[0])


if __name__ == "__main__":
    sys.exit(command_line.job(STEP, __doc__, run, DAY, PART))
