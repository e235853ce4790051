"""Physical plans of the hot paths: how often rows are shuffled and sorted, and what must never appear.

Planned as for large tables: no adaptive execution, no joins by broadcast but those that the code asks for.
"""

import re
from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.transforms import aggregates, features, indexing, interactions, items, key_filters
from spark_jobs.transforms.dedupe import count_dropped, keep_latest, rank_duplicates
from spark_jobs.transforms.impute import Fills, find_fills, repair
from spark_jobs.transforms.measures import measures
from spark_jobs.transforms.parse import parse
from spark_jobs.transforms.partitioning import ROWS_OF_A_BUCKET
from spark_jobs.transforms.validate import profile_hours, with_reasons

LARGE = {"spark.sql.adaptive.enabled": "false", "spark.sql.autoBroadcastJoinThreshold": "-1"}
NEVER = ("CartesianProduct", "BatchEvalPython", "ArrowEvalPython", "PythonUDF", "Window.*SinglePartition")
WEIGHTS = {"view": 1.0, "cart": 3.0, "rating": 4.0, "purchase": 5.0}
LIMITS = {"budget": 30.0, "mid": 100.0, "premium": 300.0}
POPULARITY = {"views": 0.3, "purchases": 0.7}
WHOLE = [datetime(2019, 10, 1)], 10 * ROWS_OF_A_BUCKET
NAMES = tables.USER_EVENTS.columns[:10]


@pytest.fixture(scope="module")
def stored(spark, tmp_path_factory):
    """Reads a table as one does from a warehouse: from files."""
    folder = tmp_path_factory.mktemp("plans")

    def read(table: tables.Table):
        path = f"{folder}/{table.name}"
        schema = ", ".join(f"`{field.name}` {field.type}" for field in table.fields)
        spark.createDataFrame([], schema).write.mode("overwrite").parquet(path)
        return spark.read.parquet(path)

    return read


@pytest.fixture
def plan(spark):
    """The physical plan as text: exchanges by key, sorts."""
    before = {name: spark.conf.get(name) for name in LARGE}
    for name, value in LARGE.items():
        spark.conf.set(name, value)

    def of(frame) -> tuple[int, int]:
        text = frame._jdf.queryExecution().executedPlan().toString()
        assert not [name for name in NEVER if re.search(name, text)], text
        return len(re.findall(r"- Exchange (?:hash|shuffle)partition", text)), len(re.findall(r"\bSort \[", text))

    yield of
    for name, value in before.items():
        spark.conf.set(name, value)


def test_landing_and_validation_shuffle_no_row(spark, stored, plan):
    marks = {"line": "STRING", "malformed": "BOOLEAN", "unfinished": "BOOLEAN", "file_id": "INT", "part": "INT"}
    records = spark.createDataFrame(
        [], ", ".join(f"{name} {kind}" for name, kind in (dict.fromkeys(NAMES, "STRING") | marks).items())
    )
    assert plan(parse(records, NAMES)) == (0, 0)
    rows = with_reasons(stored(tables.RAW_EVENTS), ("view",), ("remove_from_cart",))
    assert plan(rows) == (0, 0)
    assert plan(profile_hours(rows, ("view",), ("rating", "brand"))) == (1, 0)  # of a row for each hour and file


def test_deduplication_shuffles_the_rows_once_for_choosing_counting_and_judging(stored, plan):
    table = tables.DEDUPED_EVENTS
    events = rank_duplicates(stored(tables.USER_EVENTS), table.key_columns(), *WHOLE)
    assert plan(events) == (1, 1)
    assert plan(keep_latest(events)) == (1, 1)
    numbered = events.groupBy(*table.named_key(), "part").count()
    assert plan(numbered)[0] == 1  # the key needs no shuffle of its own
    assert plan(count_dropped(events, table.named_key()))[0] == 2  # the rows; their few counts


def test_repair_shuffles_no_row(spark, stored, plan):
    events = stored(tables.DEDUPED_EVENTS)
    stand_ins = Fills(*(spark.createDataFrame([], frame.schema) for frame in find_fills(events)))
    assert plan(repair(events, stand_ins)) == (0, 0)
    counted = measures(stored(tables.CLEANED_EVENTS), tables.CLEANED_EVENTS, {}, ["event_date"], keys=False)
    assert plan(counted) == (1, 0)


def with_pairs(read):
    base = read(tables.INTERACTIONS)
    return base, interactions.find_first_meetings(base)


@pytest.mark.parametrize(
    ("make", "exchanges"),
    [
        (lambda read: interactions.daily_interactions(read(tables.CLEANED_EVENTS), *WHOLE), 1),
        (lambda read: interactions.daily_items(read(tables.CLEANED_EVENTS)), 3),
        (lambda read: items.latest_of_items(read(tables.USER_EVENTS)), 3),
        (lambda read: interactions.score_pairs(read(tables.INTERACTIONS), WEIGHTS), 1),
        (lambda read: indexing.new_ids(read(tables.INTERACTIONS), read(tables.USER_INDEX), "user_id"), 3),
        (lambda read: aggregates.user_sums(*with_pairs(read)), 4),
        (lambda read: aggregates.item_sums(*with_pairs(read)), 3),
        (lambda read: aggregates.add_item_sums(*[read(tables.ITEM_SUMS)] * 2, read(tables.INTERACTIONS)), 2),
        (lambda read: interactions.merge_cells(read(tables.USER_ITEM_MATRIX)), 1),
        (lambda read: features.user_features(aggregates.user_sums(*with_pairs(read)), WEIGHTS), 4),
        (lambda read: features.item_features(read(tables.ITEM_SUMS), read(tables.ITEM_DAYS), LIMITS, POPULARITY), 2),
    ],
    ids=[
        *("daily interactions", "daily items", "items", "pairs", "numbers", "user sums", "item sums"),
        *("more item sums", "more cells", "user features", "item features"),
    ],
)
def test_sums_shuffle_what_they_group_and_no_more(stored, plan, make, exchanges):
    assert plan(make(stored))[0] == exchanges


def test_a_day_is_added_without_a_shuffle_of_users_without_new_rows(stored, plan):
    new, standing = stored(tables.INTERACTIONS), stored(tables.USER_FEATURES)
    # The one shuffle is of the day's users, to make them distinct.
    assert plan(key_filters.without_keys_of(standing, new, "user_id")) == (1, 0)
    assert plan(key_filters.with_keys_of(standing, new, "user_id")) == (1, 0)
