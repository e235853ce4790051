"""Feature engineering: what is known of each user and each item, as of the latest processed day.

One state; `--start` and `--end` are taken for the scheduler's sake and choose nothing.
Reads daily_interactions and daily_items; writes user_sums and item_sums, from which user_features and item_features
follow.
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
from spark_jobs.transforms.features import item_features, user_features
from spark_jobs.transforms.interactions import TYPES, pairs
from spark_jobs.transforms.measure import measures
from spark_jobs.transforms.sums import added, item_sums, more_item_sums, more_user_sums, user_sums
from spark_jobs.windows import DAY, Window

STEP = "feature_engineering"
PART = lease.FEATURES
BASES = (tables.INTERACTIONS, tables.ITEM_DAYS)


def chosen(ctx: Context) -> tuple:
    """The settings that the features rest on: weights, limits of the price ranges, what popularity counts."""
    features = ctx.settings.features
    popularity = {"views": features.popularity_views, "purchases": features.popularity_purchases}
    return asdict(ctx.settings.matrix.weights), asdict(features.price_range), popularity


def run(ctx: Context, days: Window) -> Summary:
    """Adds the days that came to the sums, or sums all; builds both tables from them. Does nothing where nothing
    changed."""
    weights, limits, popularity = chosen(ctx)
    state = building.snapshot(ctx, STEP, BASES, weights, limits, popularity)
    if state.unchanged:
        return {"unchanged": True, "as_of": state.as_of.date()}
    interactions, items = (ctx.storage.read(table, state.reads[table.name]) for table in BASES)
    events = interactions.agg(F.sum(sum((F.col(f"{name}_count") for name in TYPES), F.lit(0)))).first()[0]
    new_days = state.added_to(ctx, tables.USER_SUMS, tables.ITEM_SUMS)
    _sum(ctx, state, interactions, new_days)
    of_users = user_features(ctx.storage.read(tables.USER_SUMS), weights)
    of_items = item_features(ctx.storage.read(tables.ITEM_SUMS), items, limits, popularity)
    user_rows, item_rows = at_once(
        ctx.spark,
        lambda: _build(ctx, state, tables.USER_FEATURES, of_users, user_suite, events),
        lambda: _build(ctx, state, tables.ITEM_FEATURES, of_items, item_suite, events),
    )
    verdict = building.quality.Verdict(STEP)
    building.record_snapshot(ctx, state, verdict, rows_in=events, rows_out=user_rows + item_rows)
    grown = {"as_of": state.as_of.date(), "days_added": len(new_days) if new_days else "all"}
    return grown | {"users": user_rows, "items": item_rows}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame, items: DataFrame) -> dict[Table, DataFrame]:
    """The four tables from the days of their bases, of which `as_of` is the last."""
    weights, limits, popularity = chosen(ctx)
    met = pairs(interactions)
    of_users, of_items = user_sums(interactions, met), item_sums(interactions, met)
    return {
        tables.USER_SUMS: of_users,
        tables.ITEM_SUMS: of_items,
        tables.USER_FEATURES: user_features(of_users, weights),
        tables.ITEM_FEATURES: item_features(of_items, items, limits, popularity),
    }


def _sum(ctx: Context, state: Snapshot, interactions: DataFrame, days: list[datetime] | None) -> None:
    """Writes the sums of users and items: of all days, or what stands with that of `days` added."""
    came = interactions.where(in_days(days)) if days else interactions
    before = interactions.where(f"NOT ({in_days(days)})") if days else None
    met = pairs(came, before).persist(StorageLevel.MEMORY_AND_DISK)  # both tables count them
    of_users, of_items = user_sums(came, met), item_sums(came, met)
    if days:
        users, items = (ctx.storage.read(table) for table in (tables.USER_SUMS, tables.ITEM_SUMS))
        of_users = added(users, of_users, came, "user_id", more_user_sums)
        of_items = added(items, of_items, came, "item_id", more_item_sums)
    try:
        at_once(
            ctx.spark,
            lambda: ctx.storage.replace(tables.USER_SUMS, of_users, None, note=state.digest),
            lambda: ctx.storage.replace(tables.ITEM_SUMS, of_items, None, note=state.digest),
        )
    finally:
        met.unpersist()


def _build(ctx: Context, state: Snapshot, table: Table, features: DataFrame, suite: ModuleType, events: int) -> int:
    """Judges one table and replaces it; returns its rows. Raises QualityError, the table then stays as it was."""
    rows = building.stamped(table, features, state).persist(StorageLevel.MEMORY_AND_DISK)  # judged, then written
    try:
        found = measures(rows, table, suite.RULES, further=[F.sum("total_events").alias("events")]).toPandas()
        found["events_lost"] = (found["events"] - events).abs()
        verdict = building.verdict_of(ctx, suite.suite(ctx.settings), found, None)
        building.finish(ctx, verdict, rows, table, suite.RULES)
        ctx.storage.replace(table, rows, None, note=state.digest)
    finally:
        rows.unpersist()
    return int(found["rows"].iloc[0])


if __name__ == "__main__":
    sys.exit(command_line.job(STEP, __doc__, run, DAY, PART))
