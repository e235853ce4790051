"""Compare every table with the independent oracle, cell by cell; and check cases with known figures."""

import dataclasses
import random
import re
import shutil
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from spark_jobs import tables
from spark_jobs.builds.planning import BuildPlan
from spark_jobs.delta.files import compact
from spark_jobs.matrix import read_matrix
from spark_jobs.sample import Span, generate
from spark_jobs.tables.source_columns import ORIGINAL
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import CASES, Pipeline
from tests.events import create_events
from tests.frames import assert_frames_equal
from tests.oracle_duckdb import Oracle, compute

AWKWARD = {"view": "0.3", "cart": "0.1", "rating": "0.000001", "purchase": "12345.678901"}
YEAR = Window(datetime(2019, 1, 1), datetime(2020, 1, 1), HOUR)
EVENT = [column.name for column in ORIGINAL]
COMPARED_COLUMNS = {
    tables.USER_EVENTS: EVENT,
    tables.REJECTED_EVENTS: ["hour", "reasons", "raw_text", "file_name"],
    tables.DEDUPED_EVENTS: EVENT,
    tables.CLEANED_EVENTS: [*EVENT, "price_source", "rating_source"],
    tables.USER_ITEM_MATRIX: ["user_id", "item_id", "score"],
    tables.USER_FEATURES: [name for name in tables.USER_FEATURES.columns if name != "built_at"],
    tables.ITEM_FEATURES: [name for name in tables.ITEM_FEATURES.columns if name != "built_at"],
}


def normalize(value):
    """Convert a cell to a comparable value: structs and lists to tuples, doubles to twelve digits, reasons sorted."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return tuple(map(normalize, value.values()))
    if isinstance(value, list):
        parts = [normalize(part) for part in value]
        return tuple(sorted(parts)) if all(isinstance(part, str) for part in parts) else tuple(parts)
    return value


def to_sorted_tuples(rows: Iterable[dict], columns: list[str]) -> list[tuple]:
    return sorted((tuple(normalize(row[name]) for name in columns) for row in rows), key=str)


def read_compared_rows(pipeline, table) -> list[tuple]:
    rows = (row.asDict(recursive=True) for row in pipeline.read(table).collect())
    return to_sorted_tuples(rows, COMPARED_COLUMNS[table])


def assert_tables_equal_oracle(pipeline, postgres, oracle: Oracle) -> None:
    """Assert that each Delta table and both tables of PostgreSQL contain exactly the oracle's rows."""
    for table, columns in COMPARED_COLUMNS.items():
        expected = to_sorted_tuples(getattr(oracle, table.name).to_pylist(), columns)
        found = read_compared_rows(pipeline, table)
        assert len(found) == len(expected), table.name
        assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]][:3] == [], table.name
    columns = ["item_id", "name", "category", "brand", "price"]
    items = [dict(zip(columns, row, strict=True)) for row in postgres(f"SELECT {', '.join(columns)} FROM items")]
    assert to_sorted_tuples(items, columns) == to_sorted_tuples(oracle.items.to_pylist(), columns)
    columns = [column.name for column in ORIGINAL if column.served]
    rows = [dict(zip(columns, row, strict=True)) for row in postgres(f"SELECT {', '.join(columns)} FROM user_events")]
    assert to_sorted_tuples(rows, columns) == to_sorted_tuples(oracle.user_events.to_pylist(), columns)


# Damage that real exports do to a field: (column, damaged value).
DAMAGE = [
    (0, "2019-10-01T00:00:00+02:00"),
    (0, "yesterday"),
    (0, ""),
    (0, "1999-12-31 23:59:59 UTC"),
    (1, "remove_from_cart"),
    (1, "View"),
    (1, ""),
    (2, "12.5"),
    (2, ""),
    (2, "-3"),
    (3, "abc"),
    (3, ""),
    (4, " "),
    (5, '"a ""quoted"", brand"'),
    (5, "nan"),
    (5, "x" * 101),
    (6, "1e3"),
    (6, "-0.01"),
    (6, "2.675"),
    (6, ""),
    (6, "0"),
    (6, "100000000"),
    (7, " 501 "),
    (7, "99999999999999999999"),
    (7, "1,2"),
    (8, ""),
    (9, "5.01"),
    (9, "4.995"),
    (9, "good"),
]


def damage_file(path: Path, seed: int, share: float, damaged_hour: str) -> None:
    """Damage a share of the lines, and half of the lines of one hour; then shuffle all lines."""
    chance = random.Random(seed)
    header, *lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        if chance.random() < (0.5 if line.startswith(damaged_hour) else share):
            fields = line.split(",")
            column, value = chance.choice(DAMAGE)
            fields[column] = value
            lines[i] = ",".join(fields)
    chance.shuffle(lines)
    path.write_text("\n".join([header, *lines, ""]))


@pytest.mark.parametrize("rows", [3_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_all_tables_of_damaged_and_shuffled_events_agree_with_the_oracle(pipeline, postgres, rows):
    path = generate(Span(rows, 24, datetime(2019, 10, 1)), pipeline.raw, seed=3, ratings=True)[0]
    damage_file(path, seed=4, share=0.05, damaged_hour="2019-10-01 13")
    pipeline.land()
    message = pipeline.expect_refusal(lambda: pipeline.validate(YEAR))
    assert message.startswith(
        "stopped 1 hour; its rows are not written. 2019-10-01T13: 'at most 10% of the rows rejected'"
    )
    pipeline.load(YEAR)
    pipeline.run_daily(Window(YEAR.start, YEAR.end, DAY))  # one damaged value is a time on 30 September
    oracle = compute([path])
    assert oracle.stopped_hours == [datetime(2019, 10, 1, 13)]
    assert_tables_equal_oracle(pipeline, postgres, oracle)


def test_the_csv_cases_agree_with_the_oracle(pipeline, postgres):
    names = ("c13-prices", "c15-missing-text", "c17-zones", "c23-ties", "c25-matrix", "c11-big-ids", "c01-fields")
    pipeline.copy_cases(*(f"{name}.csv" for name in names))
    pipeline.land()
    pipeline.validate(YEAR, accept="cases")
    pipeline.load(YEAR)
    pipeline.run_daily(Window(YEAR.start, YEAR.end, DAY))
    assert_tables_equal_oracle(pipeline, postgres, compute([CASES / f"{name}.csv" for name in names], accept=True))


@pytest.mark.long
def test_exempt_event_types_keep_their_duplicates(spark, tmp_path, database, postgres):
    pipeline = Pipeline(spark, tmp_path, database, "duplicates.exempt_types=['purchase']")
    pipeline.copy_cases("c23-ties.csv")
    pipeline.land()
    pipeline.validate(accept="case")
    pipeline.load()
    dropped, *_ = pipeline.run_daily()
    assert (dropped["dropped"], dropped["purchase_money_dropped"]) == ({"purchase": 0, "view": 4}, "0.00")
    assert_tables_equal_oracle(pipeline, postgres, compute([CASES / "c23-ties.csv"], accept=True, exempt=["purchase"]))


def test_matrix_and_features_of_the_rating_case_equal_the_published_ones(pipeline):
    pipeline.copy_cases("c25-matrix.csv")
    pipeline.land()
    pipeline.validate()
    pipeline.run_daily()
    day, big = datetime(2019, 10, 1).date(), 1515915625519388267

    def assert_contains(table, *rows: tuple) -> None:
        found = pipeline.read(table).drop("built_at")
        assert_frames_equal(found, pipeline.spark.createDataFrame(rows, found.schema))

    assert_contains(tables.USER_INDEX, (0, 7, day), (1, 3000000000, day), (2, big, day))
    assert_contains(tables.ITEM_INDEX, (0, 100027682, day), (1, 4294967297, day))
    assert_contains(
        tables.USER_ITEM_MATRIX,
        (0, 1, 14.0, 7, 4294967297, day),
        (1, 0, 1.0, 3000000000, 100027682, day),
        (1, 1, 4.0, 3000000000, 4294967297, day),
        (2, 0, 9.0, big, 100027682, day),
    )
    matrix = read_matrix(pipeline.ctx()).csr()
    assert matrix.toarray().tolist() == [[0, 14], [1, 4], [9, 0]]
    repaired = {"user_id": 7, "item_id": 4294967297, "event_type": "rating", "time": "09:04:00", "session_id": "m3"}
    repaired |= {"rating": "4.50", "rating_source": "item", "price": "8.00", "price_source": "item"}
    assert_frames_equal(
        pipeline.read(tables.CLEANED_EVENTS).where("rating_source = 'item'"),
        create_events(pipeline.spark, repaired, table=tables.CLEANED_EVENTS),
    )
    of_item = pipeline.read(tables.ITEM_FEATURES).where("item_id = 4294967297").first()
    assert of_item.avg_rating == Decimal("4.5000")


@pytest.mark.long
@pytest.mark.parametrize("hours", [8, 1])
def test_runs_over_few_hours_produce_the_tables_of_a_single_run_and_few_files(
    spark, tmp_path, database, postgres, hours
):
    path = generate(Span(6_000, 24, datetime(2019, 10, 1)), tmp_path, seed=5, ratings=True)[0]
    (tmp_path / "pipeline").mkdir()
    pipeline = Pipeline(spark, tmp_path / "pipeline", database)
    _run_in_steps(pipeline, path, hours)
    assert_tables_equal_oracle(pipeline, postgres, compute([path]))
    assert len(pipeline.ctx().storage.read(tables.USER_EVENTS).inputFiles()) <= 48
    # The daily job may have compacted them already.
    compact(pipeline.ctx().storage, tables.USER_EVENTS, [datetime(2019, 10, 1)])
    assert len(pipeline.ctx().storage.read(tables.USER_EVENTS).inputFiles()) <= 4


def _run_in_steps(pipeline: Pipeline, path: Path, hours: int) -> None:
    """Land, validate and load one file per run, the earliest one last; build the days twice in between."""
    header, *lines = path.read_text().splitlines(keepends=True)
    starts = list(range(0, 24, hours))
    for first in [*starts[1:], starts[0]]:
        start = datetime(2019, 10, 1, first)
        within = [line for line in lines if first <= int(line[11:13]) < first + hours]
        pipeline.put(f"{first:02}.csv", "".join([header, *within]))
        window = Window(start, start + hours * HOUR, HOUR)
        for step in (pipeline.land, pipeline.validate, pipeline.load):
            step(window)
        if first in (starts[-1], starts[0]):
            pipeline.run_daily()


@pytest.mark.long
def test_snapshots_extended_by_a_day_equal_those_built_from_scratch(spark, tmp_path, database, postgres):
    """Row and column indexes stay, a build extends the versions that the ledger records, and weights are exact."""
    pipeline = Pipeline(spark, tmp_path, database, *(f"matrix.weights.{kind}={text}" for kind, text in AWKWARD.items()))
    paths, numbers, added = [], [], []
    for day, length in ((1, 2), (3, 1)):
        start, end = datetime(2019, 10, day), datetime(2019, 10, day + length)
        paths += generate(Span(1_000 * length, 24 * length, start), pipeline.raw, seed=5, ratings=True)[:1]
        pipeline.land()
        pipeline.validate(Window(start, end, HOUR))
        *_, matrix, features = pipeline.run_daily(Window(start, end, DAY))
        added.append((matrix["days_added"], features["days_added"]))
        numbers.append(set(pipeline.values(tables.USER_INDEX, "user_id", "user_index")))
    assert added == [("all", "all"), (1, 1)]
    assert numbers[0] < numbers[1]
    pipeline.load(Window(datetime(2019, 10, 1), end, HOUR))
    assert_tables_equal_oracle(pipeline, postgres, compute(paths, weights=AWKWARD))
    ctx, table = pipeline.ctx(), tables.USER_FEATURES
    versions = ctx.ledger.last_build("feature_engineering")["writes"]
    build_plan = BuildPlan("", end, "", "", {}, False, [start], before=versions, reads={}, events=0)
    assert build_plan.days_to_add(ctx, table, tables.ITEM_SUMS) == [start]
    for before in ({}, versions | {table.name: versions[table.name] + 5}):  # not recorded, and no longer available
        assert dataclasses.replace(build_plan, before=before).days_to_add(ctx, table) is None


def test_the_head_of_the_real_data_agrees_with_the_oracle_without_a_warning(pipeline, postgres):
    head = CASES.parents[2] / "shared" / "data" / "2019-Oct-head.csv"
    if not head.exists():
        pytest.skip("the real head of October is not part of the project and is not on this machine")
    shutil.copy(head, pipeline.raw)
    pipeline.land()
    pipeline.validate()
    assert not [line for line in pipeline.messages if re.match("warning", line)]
    pipeline.load()
    pipeline.run_daily()
    assert_tables_equal_oracle(pipeline, postgres, compute([head]))
