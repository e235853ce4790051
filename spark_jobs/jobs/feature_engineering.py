"""Feature engineering: what is known of each user and each item, as of the latest processed day.

One state; `--start` and `--end` are taken for the scheduler's sake and choose nothing.
Reads daily_interactions and daily_items; writes user_features and item_features.
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
from spark_jobs.building import Snapshot
from spark_jobs.context import Context, Summary
from spark_jobs.predicates import in_days
from spark_jobs.tables import Table
from spark_jobs.transforms.changed import grown
from spark_jobs.transforms.features import item_features, user_features
from spark_jobs.transforms.interactions import TYPES, pairs
from spark_jobs.transforms.measure import measures
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
    """Builds both tables from the bases; does nothing where nothing changed."""
    weights, limits, popularity = chosen(ctx)
    state = building.snapshot(ctx, STEP, BASES, weights, limits, popularity)
    if state.unchanged:
        return {"unchanged": True, "as_of": state.as_of.date()}
    interactions, items = (ctx.storage.read(table, state.reads[table.name]) for table in BASES)
    events = interactions.agg(F.sum(sum((F.col(f"{name}_count") for name in TYPES), F.lit(0)))).first()[0]
    added = state.added_to(ctx, tables.USER_FEATURES)
    met = pairs(interactions).persist(StorageLevel.MEMORY_AND_DISK)  # both tables count them
    try:
        of_users = _of_users(ctx, interactions, met, weights, added)
        of_items = item_features(interactions, met, items, limits, popularity)
        user_rows = _build(ctx, state, tables.USER_FEATURES, of_users, user_suite, events)
        item_rows = _build(ctx, state, tables.ITEM_FEATURES, of_items, item_suite, events)
    finally:
        met.unpersist()
    verdict = building.quality.Verdict(STEP)
    building.record_snapshot(ctx, state, verdict, rows_in=events, rows_out=user_rows + item_rows)
    grown = {"as_of": state.as_of.date(), "days_added": len(added) if added else "all"}
    return grown | {"users": user_rows, "items": item_rows}


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame, items: DataFrame) -> dict[Table, DataFrame]:
    """Both tables from the days of their bases, of which `as_of` is the last."""
    weights, limits, popularity = chosen(ctx)
    met = pairs(interactions)
    of_items = item_features(interactions, met, items, limits, popularity)
    return {tables.USER_FEATURES: user_features(interactions, met, weights), tables.ITEM_FEATURES: of_items}


def _of_users(
    ctx: Context, interactions: DataFrame, met: DataFrame, weights: dict[str, float], added: list | None
) -> DataFrame:
    """The features of all users; with `added`, those of users without an event in these days are the table's own."""
    if not added:
        return user_features(interactions, met, weights)
    standing = ctx.storage.read(tables.USER_FEATURES)
    return grown(standing, interactions, in_days(added), lambda rows: user_features(rows, met, weights))


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
