"""The matrix for data scientists: three equal forms, the exports, and a split that does not depend on later events."""

import hashlib
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame
from scipy import sparse

from spark_jobs import matrix, tables
from spark_jobs.commands.export import export
from spark_jobs.commands.split import split
from spark_jobs.delta.schema import schema
from spark_jobs.errors import PipelineError
from spark_jobs.exports import write_matrix
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.events import HEAD
from tests.project import ROOT

SPLIT_TIME = datetime(2019, 10, 7)


def read_cells(csr: sparse.csr_matrix) -> dict[tuple[int, int], float]:
    coo = csr.tocoo()
    return {(int(row), int(column)): value for row, column, value in zip(coo.row, coo.col, coo.data, strict=True)}


def test_triples_coordinate_matrix_and_csr_contain_the_same_cells(seeded):
    user_item_matrix = matrix.read_matrix(seeded.ctx())
    triples = {(row.user_index, row.item_index): row.score for row in user_item_matrix.triples().collect()}
    coordinates = user_item_matrix.coordinate_matrix()
    assert {(entry.i, entry.j): entry.value for entry in coordinates.entries.collect()} == triples
    csr = user_item_matrix.csr()
    assert read_cells(csr) == triples
    assert (
        csr.shape
        == (coordinates.numRows(), coordinates.numCols())
        == (user_item_matrix.users.count(), user_item_matrix.items.count())
    )
    assert csr.has_sorted_indices


NOTEBOOK = """
import os, sys, time
from pyspark.sql import SparkSession
from spark_jobs.errors import PipelineError
from spark_jobs.matrix import opened
before = dict(os.environ)
with opened(*sys.argv[1:]) as matrix:
    print(matrix.csr().shape, dict(os.environ) == before, time.tzname[0])
print(SparkSession.getActiveSession())
spark = SparkSession.builder.master("local[1]").config("spark.sql.extensions", "").getOrCreate()
try:
    opened(*sys.argv[1:]).__enter__()
except PipelineError as error:
    print(error)
print(spark.range(3).count(), dict(os.environ) == before)
"""


def test_opening_the_matrix_keeps_the_session_settings_and_time_zone_of_a_notebook(seeded, monkeypatch):
    setting = f"paths.warehouse={seeded.settings.paths.warehouse}"
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    seeded.spark.conf.set("spark.sql.session.timeZone", "Asia/Seoul")
    try:
        with matrix.open_matrix(setting) as user_item_matrix:
            assert time.tzname == ("KST", "KST")
            cells = user_item_matrix.cells.count()
        assert seeded.spark.range(cells).count() == cells  # the session still works
        assert seeded.spark.conf.get("spark.sql.session.timeZone") == "Asia/Seoul"
    finally:
        seeded.spark.conf.set("spark.sql.session.timeZone", "UTC")
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()


def test_a_notebook_without_a_session_gets_one_and_a_session_without_delta_is_refused(seeded):
    variables = os.environ | {"TZ": "Asia/Seoul", "PIPELINE_LOGS": str(seeded.folder / "logs")}
    command = [sys.executable, "-c", NOTEBOOK, f"paths.warehouse={seeded.settings.paths.warehouse}"]
    result = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=True)
    shape = matrix.read_matrix(seeded.ctx()).shape()
    first, second, third, fourth = result.stdout.splitlines()
    assert (first, second, fourth) == (f"{shape} True KST", "None", "3 True")
    assert third.startswith(
        "this Spark session cannot read Delta tables: spark.sql.extensions does not name io.delta.sql."
    )


def test_a_matrix_larger_than_the_limit_is_refused_before_it_is_read(seeded):
    user_item_matrix = matrix.read_matrix(seeded.ctx())
    small = matrix.UserItemMatrix(user_item_matrix.cells, user_item_matrix.users, user_item_matrix.items, limit_gb=1e-6)
    assert "export.max_matrix_gb is 1e-06" in seeded.expect_refusal(small.csr)


def test_csv_and_parquet_exports_contain_all_rows_of_the_tables(seeded):
    ctx = seeded.ctx()
    paths = {path.name: path for kind in ("csv", "parquet") for path in export(ctx, kind)}
    for table in (tables.CLEANED_EVENTS, tables.USER_FEATURES, tables.USER_INDEX):
        count = seeded.read(table).count()
        assert len(pd.read_csv(paths[f"{table.name}.csv"])) == count
        assert len(pd.read_parquet(paths[f"{table.name}.parquet"])) == count
    triples = pd.read_parquet(paths["user_item_matrix.parquet"])
    numbers = zip(triples.user_index, triples.item_index, triples.score, strict=True)
    cells = read_cells(sparse.load_npz(paths["user_item_matrix.npz"]))
    assert {(user, item): score for user, item, score in numbers} == cells
    index = pd.read_csv(paths["user_index.csv"]).set_index("user_index").user_id
    assert dict(zip(triples.user_index, triples.user_id, strict=True)) == {n: index[n] for n in triples.user_index}


def test_index_tables_are_exported_in_the_order_of_their_indexes(spark, tmp_path):
    def make_index(table: tables.Table) -> DataFrame:
        rows = [(number, 900 - 7 * number, SPLIT_TIME.date()) for number in range(50)]
        return spark.createDataFrame(rows[::-1], schema(table)).repartition(4)

    users, items = make_index(tables.USER_INDEX), make_index(tables.ITEM_INDEX)
    cells = spark.createDataFrame([(3, 5, 1.0)], "user_index BIGINT, item_index BIGINT, score DOUBLE")
    for path in write_matrix(matrix.UserItemMatrix(cells, users, items, limit_gb=1), tmp_path):
        number, _, kind = path.name.partition(".")
        if number.endswith("_index"):
            found = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
            assert found[number].tolist() == list(range(50)), path.name
            assert found.iloc[7, 1] == 900 - 49


def hash_outputs(folder: Path) -> dict[str, list[str]]:
    """Hash the files of each output, in the order of their part numbers: the rest of their names is random."""
    outputs = {}
    for output in sorted(folder.iterdir()):
        files = sorted(output.glob("part-*")) if output.is_dir() else [output]
        outputs[output.name] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return outputs


@pytest.fixture(scope="module")
def folder(seeded) -> Path:
    """Split the seeded set and return the folder of the split."""
    folder = Path(seeded.settings.paths.processed) / "split-2019-10-07"
    lines = list(split(seeded.ctx(), SPLIT_TIME))
    assert lines[0] == f"split at 2019-10-07, train as of 2019-10-06: {folder}"
    assert sorted(lines[1:]) == sorted(path.name for path in folder.iterdir())
    return folder


@pytest.mark.long
def test_the_train_side_of_a_split_contains_earlier_data_only_and_later_events_change_no_byte(
    spark, tmp_path, database, seeded, folder
):
    other = Pipeline(spark, tmp_path, database)
    for path in seeded.raw.iterdir():
        lines = path.read_text().splitlines(keepends=True)
        (other.raw / path.name).write_text(lines[0] + "".join(line for line in lines[1:] if line < "2019-10-07"))
    other.land()
    other.validate(Window(datetime(2019, 10, 5), SPLIT_TIME, HOUR))
    other.run_daily(Window(datetime(2019, 10, 5), SPLIT_TIME, DAY))
    for table in (tables.USER_ITEM_MATRIX, tables.USER_FEATURES, tables.ITEM_FEATURES, tables.USER_INDEX):
        rows = spark.read.parquet(str(folder / f"{table.name}.parquet"))
        assert sorted(map(tuple, rows.collect()), key=str) == other.values(table, *rows.columns), table.name

    # Later purchases whose ids, prices and brands would sort first if the split included them.
    future = [f"2019-10-08 {hour:02}:00:00 UTC,purchase,{hour + 1},1,a.b,aaa,0.01,1,s{hour}\n" for hour in range(20)]
    future += [f"2019-10-07 23:{minute}:00 UTC,purchase,1001,1,a.b,aaa,999,501,t{minute}\n" for minute in range(10, 59)]
    other.put("future.csv", HEAD + "".join(future))
    other.land()
    other.validate(Window(SPLIT_TIME, SPLIT_TIME + 2 * DAY, HOUR))
    other.run_daily(Window(SPLIT_TIME, SPLIT_TIME + 2 * DAY, DAY))
    list(split(other.ctx(), SPLIT_TIME))
    first, second = hash_outputs(folder), hash_outputs(Path(other.settings.paths.processed) / folder.name)
    assert [name for name in first if first[name] != second[name]] == ["test_interactions.parquet"]


def test_the_test_side_of_a_split_contains_every_later_user_item_pair(seeded, folder):
    test = pd.read_parquet(folder / "test_interactions.parquet")
    events = seeded.read(tables.CLEANED_EVENTS).where("event_date >= '2019-10-07'").toPandas()
    assert len(test) == events.groupby(["user_id", "item_id"]).ngroups
    assert test[["view_count", "cart_count", "purchase_count"]].sum().sum() == len(events)
    known = pd.read_csv(folder / "user_index.csv").user_id
    for name in ("user_index", "item_index"):
        assert pd.read_csv(folder / f"{name}.csv")[name].is_monotonic_increasing
        assert pd.read_parquet(folder / f"{name}.parquet")[name].is_monotonic_increasing
    assert test.user_index.isna().sum() == (~test.user_id.isin(known)).sum() > 0


@pytest.mark.parametrize("day, side", [(datetime(2019, 10, 5), "before"), (datetime(2019, 10, 8), "at or after")])
def test_a_split_with_an_empty_side_is_refused(seeded, day, side):
    with pytest.raises(PipelineError, match=f"no preprocessed event lies {side} it"):
        list(split(seeded.ctx(), day))


def test_the_earlier_name_of_open_matrix_still_works():
    assert matrix.opened is matrix.open_matrix
