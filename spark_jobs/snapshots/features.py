"""The features of each user and each item.

Computed from daily_interactions and daily_items; writes item_sums, user_features, and item_features, which are computed
from item_sums.
"""

from datetime import datetime
from functools import partial

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import Suite
from expectations import item_features as item_expectations
from expectations import user_features as user_expectations
from spark_jobs import flow, tables
from spark_jobs.builds.recording import stamp_rows
from spark_jobs.context import Context
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.predicates import in_days
from spark_jobs.settings import Settings
from spark_jobs.snapshots.scheme import BuiltSnapshot, Change, Output, Scheme
from spark_jobs.snapshots.type_counts import complete_counts
from spark_jobs.tables import Table
from spark_jobs.transforms.aggregates import add_item_sums, item_sums, user_sums
from spark_jobs.transforms.features import item_features, user_features
from spark_jobs.transforms.interactions import find_first_meetings
from spark_jobs.transforms.key_filters import with_keys_of, without_keys_of
from spark_jobs.transforms.measures import measures


def select_settings(settings: Settings) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the settings that the features depend on: score weights, price range limits, popularity weights."""
    features = settings.features
    popularity = {"views": features.popularity_views, "purchases": features.popularity_purchases}
    return settings.events.weights, features.price_range.model_dump(), popularity


def compute(change: Change) -> BuiltSnapshot:
    """Compute active users from all their days, and items by adding the new days to their sums; or all from scratch."""
    ctx, plan = change.ctx, change.plan
    weights, limits, popularity = select_settings(ctx.settings)
    interactions, item_days = complete_counts(change.bases[0], ctx.settings), change.bases[1]
    new_rows = change.new_rows(interactions)
    of_active = change.keep(with_keys_of(interactions, new_rows, "user_id")) if change.new_days else interactions
    are_new = F.expr(in_days(change.new_days)) if change.new_days else None
    meetings = change.keep(find_first_meetings(of_active, are_new))  # used by both tables
    sums = item_sums(new_rows, meetings)
    if change.new_days:
        sums = add_item_sums(change.read_earlier(tables.ITEM_SUMS), sums, new_rows)
    user_suite, item_suite = (of.suite(tuple(weights)) for of in (user_expectations, item_expectations))
    sums = change.keep(sums)  # validated through item_features
    of_users = user_features(user_sums(of_active, meetings), weights)
    of_items = item_features(sums, item_days, limits, popularity)
    users = change.keep(stamp_rows(tables.USER_FEATURES, of_users, plan))
    other_users = _read_other_users(change, new_rows)
    items = change.keep(stamp_rows(tables.ITEM_FEATURES, of_items, plan))
    found = run_concurrently(
        ctx.spark,
        partial(_measure_rows, change, tables.USER_FEATURES, user_suite, users, other_users),
        partial(_measure_rows, change, tables.ITEM_FEATURES, item_suite, items, None),
    )
    all_users = users if other_users is None else users.unionByName(other_users)
    outputs = [
        Output(tables.add_type_counts(tables.ITEM_SUMS, tuple(weights)), sums, "sums"),
        Output(tables.USER_FEATURES, all_users, "users", suite=user_suite, measures=found[0]),
        Output(tables.ITEM_FEATURES, items, "written", suite=item_suite, measures=found[1]),
    ]
    users_out, items_out = (int(each["rows"].iloc[0]) for each in found)
    return BuiltSnapshot(outputs, plan.events, {"users": users_out, "items": items_out})


def from_scratch(ctx: Context, as_of: datetime, interactions: DataFrame, items: DataFrame) -> dict[Table, DataFrame]:
    """Compute the three tables from the days of their bases, of which `as_of` is the last."""
    weights, limits, popularity = select_settings(ctx.settings)
    interactions = complete_counts(interactions, ctx.settings)
    meetings = find_first_meetings(interactions)
    of_items = item_sums(interactions, meetings)
    return {
        tables.add_type_counts(tables.ITEM_SUMS, tuple(weights)): of_items,
        tables.USER_FEATURES: user_features(user_sums(interactions, meetings), weights),
        tables.ITEM_FEATURES: item_features(of_items, items, limits, popularity),
    }


def _read_other_users(change: Change, new_rows: DataFrame) -> DataFrame | None:
    """Return the features of users without new rows, as the last snapshot has them; None from scratch."""
    if not change.new_days:
        return None
    others = without_keys_of(change.read_earlier(tables.USER_FEATURES), new_rows, "user_id")
    return stamp_rows(tables.USER_FEATURES, others, change.plan)


def _measure_rows(
    change: Change, table: Table, suite: Suite, computed: DataFrame, kept: DataFrame | None
) -> pd.DataFrame:
    """Measure the rows computed now. Kept rows were validated when they were built, so they are only counted."""
    total = F.sum("total_events").alias("events")

    def measure_computed() -> pd.DataFrame:
        return measures(computed, table, suite.rules, further=[total]).toPandas()

    def count_kept() -> tuple[int, int]:
        rows, events = kept.agg(F.count("*"), total).head(1)[0] if kept is not None else (0, 0)
        return rows, events or 0

    found: pd.DataFrame
    found, (rows, events) = run_concurrently(change.ctx.spark, measure_computed, count_kept)
    found["rows"] += rows
    found["events_lost"] = (found["events"] + events - change.plan.events).abs()
    return found


FEATURES = Scheme(
    job=flow.FEATURE_ENGINEERING,
    bases=(tables.INTERACTIONS, tables.ITEM_DAYS),
    settings=select_settings,
    extends=(tables.ITEM_SUMS, tables.USER_FEATURES),
    can_extend=lambda settings: True,
    compute=compute,
    from_scratch=from_scratch,
)
