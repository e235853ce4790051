"""Physical plans of the hot paths: the number of shuffles and sorts, and operators that must never appear.

The plans are those for large tables: no adaptive execution, and broadcast joins only where the code asks for them.
"""

import re
from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.tables.source_columns import EVENT
from spark_jobs.transforms import aggregates, features, indexing, interactions, items, key_filters, scores
from spark_jobs.transforms.dedupe import count_dropped, keep_latest, rank_duplicates
from spark_jobs.transforms.impute import Fills, find_fills, repair
from spark_jobs.transforms.measures import measures
from spark_jobs.transforms.parse import parse
from spark_jobs.transforms.partitioning import ROWS_OF_A_BUCKET
from spark_jobs.transforms.validate import add_reasons, profile_hours

LARGE = {"spark.sql.adaptive.enabled": "false", "spark.sql.autoBroadcastJoinThreshold": "-1"}
NEVER = ("CartesianProduct", "BatchEvalPython", "ArrowEvalPython", "PythonUDF", "Window.*SinglePartition")
WEIGHTS = {"view": 1.0, "cart": 3.0, "rating": 4.0, "purchase": 5.0}
LIMITS = {"budget": 30.0, "mid": 100.0, "premium": 300.0}
POPULARITY = {"views": 0.3, "purchases": 0.7}
DAYS_AND_ROWS = [datetime(2019, 10, 1)], 10 * ROWS_OF_A_BUCKET
NAMES = [column.name for column in EVENT]


@pytest.fixture(scope="module")
def read_table(spark, tmp_path_factory):
    """Return a function that reads a table from files, as from a warehouse."""
    folder = tmp_path_factory.mktemp("plans")

    def read(table: tables.Table):
        path = f"{folder}/{table.name}"
        schema = ", ".join(f"`{field.name}` {field.type}" for field in table.fields)
        spark.createDataFrame([], schema).write.mode("overwrite").parquet(path)
        return spark.read.parquet(path)

    return read


@pytest.fixture
def count_shuffles_and_sorts(spark):
    """Return a function that counts the shuffles by key and the sorts of a physical plan."""
    before = {name: spark.conf.get(name) for name in LARGE}
    for name, value in LARGE.items():
        spark.conf.set(name, value)

    def count(frame) -> tuple[int, int]:
        text = frame._jdf.queryExecution().executedPlan().toString()
        assert not [name for name in NEVER if re.search(name, text)], text
        return len(re.findall(r"- Exchange (?:hash|shuffle)partition", text)), len(re.findall(r"\bSort \[", text))

    yield count
    for name, value in before.items():
        spark.conf.set(name, value)


def test_landing_and_validation_shuffle_no_event(spark, read_table, count_shuffles_and_sorts):
    marks = {"line": "STRING", "malformed": "BOOLEAN", "unfinished": "BOOLEAN", "file_id": "INT", "part": "INT"}
    records = spark.createDataFrame(
        [], ", ".join(f"{name} {kind}" for name, kind in (dict.fromkeys(NAMES, "STRING") | marks).items())
    )
    assert count_shuffles_and_sorts(parse(records, NAMES)) == (0, 0)
    rows = add_reasons(read_table(tables.RAW_EVENTS), ("view",), ("remove_from_cart",))
    assert count_shuffles_and_sorts(rows) == (0, 0)
    # The only shuffle is of one row per hour and file.
    assert count_shuffles_and_sorts(profile_hours(rows, ("view",), ("rating",), ("rating", "brand"))) == (1, 0)


def test_deduplication_shuffles_the_rows_once_for_ranking_counting_and_validation(read_table, count_shuffles_and_sorts):
    table = tables.DEDUPED_EVENTS
    events = rank_duplicates(read_table(tables.USER_EVENTS), table.key_columns(), *DAYS_AND_ROWS)
    assert count_shuffles_and_sorts(events) == (1, 1)
    assert count_shuffles_and_sorts(keep_latest(events)) == (1, 1)
    counts = events.groupBy(*table.named_key(), "bucket").count()
    assert count_shuffles_and_sorts(counts)[0] == 1  # the shuffle of the ranking serves this key too
    # One shuffle of the rows and one of their few counts.
    assert count_shuffles_and_sorts(count_dropped(events, table.named_key()))[0] == 2


def test_repair_shuffles_no_event(spark, read_table, count_shuffles_and_sorts):
    events = read_table(tables.DEDUPED_EVENTS)
    fills = Fills(*(spark.createDataFrame([], frame.schema) for frame in find_fills(events, ("rating",))))
    assert count_shuffles_and_sorts(repair(events, fills, ("rating",))) == (0, 0)
    daily_measures = measures(read_table(tables.CLEANED_EVENTS), tables.CLEANED_EVENTS, {}, ["event_date"], keys=False)
    assert count_shuffles_and_sorts(daily_measures) == (1, 0)


def read_with_first_meetings(read):
    base = read(tables.INTERACTIONS)
    return base, interactions.find_first_meetings(base)


@pytest.mark.parametrize(
    ("make", "exchanges"),
    [
        (lambda read: interactions.daily_interactions(read(tables.CLEANED_EVENTS), *DAYS_AND_ROWS, tuple(WEIGHTS)), 1),
        (lambda read: interactions.daily_items(read(tables.CLEANED_EVENTS)), 3),
        (lambda read: items.find_latest_of_items(read(tables.USER_EVENTS)), 3),
        (lambda read: scores.score_pairs(read(tables.INTERACTIONS), WEIGHTS), 1),
        (lambda read: indexing.new_ids(read(tables.INTERACTIONS), read(tables.USER_INDEX), "user_id"), 3),
        (lambda read: aggregates.user_sums(*read_with_first_meetings(read)), 4),
        (lambda read: aggregates.item_sums(*read_with_first_meetings(read)), 3),
        (lambda read: aggregates.add_item_sums(*[read(tables.ITEM_SUMS)] * 2, read(tables.INTERACTIONS)), 2),
        (lambda read: scores.merge_cells(read(tables.USER_ITEM_MATRIX)), 1),
        (lambda read: features.user_features(aggregates.user_sums(*read_with_first_meetings(read)), WEIGHTS), 4),
        (lambda read: features.item_features(read(tables.ITEM_SUMS), read(tables.ITEM_DAYS), LIMITS, POPULARITY), 2),
    ],
    ids=[
        *("daily interactions", "daily items", "items", "pairs", "numbers", "user sums", "item sums"),
        *("more item sums", "more cells", "user features", "item features"),
    ],
)
def test_each_aggregate_needs_the_expected_number_of_shuffles(read_table, count_shuffles_and_sorts, make, exchanges):
    assert count_shuffles_and_sorts(make(read_table))[0] == exchanges


def test_adding_a_day_does_not_shuffle_users_without_new_rows(read_table, count_shuffles_and_sorts):
    new, existing = read_table(tables.INTERACTIONS), read_table(tables.USER_FEATURES)
    # The only shuffle makes the day's users distinct.
    assert count_shuffles_and_sorts(key_filters.without_keys_of(existing, new, "user_id")) == (1, 0)
    assert count_shuffles_and_sorts(key_filters.with_keys_of(existing, new, "user_id")) == (1, 0)
