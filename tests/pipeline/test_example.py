"""The examples: the recommender, as a script and as a notebook, and the tour of the warehouse, a notebook.

ALS clearly beats popularity where users have a taste.
"""

import json
from datetime import datetime
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from scipy import sparse

from examples.recommend import Model, Split, compared, judged, recommended
from spark_jobs import tables
from spark_jobs.commands.split import split
from spark_jobs.sample.generate import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import CASES, Pipeline
from tests.project import ROOT

DAYS = Window(datetime(2019, 10, 1), datetime(2019, 10, 8), DAY)
SPLIT_TIME = datetime(2019, 10, 6)
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
# Cells before and after those of a notebook: the user's own session, and what has become of it.
BEFORE = """
from pyspark.sql import SparkSession
users_own = SparkSession.builder.appName("the user's").config("spark.sql.session.timeZone", "Asia/Seoul").getOrCreate()
users_own.range(3).createOrReplaceTempView("of_the_user")
"""
AFTER = """
import json, time
views = [view.name for view in users_own.catalog.listTables()]
settings_after = [users_own.conf.get("spark.sql.session.timeZone"), time.tzname[0], spark.conf.get("spark.app.name")]
print(json.dumps([users_own.table("of_the_user").count(), views, *settings_after]))
"""


def preprocess(pipeline: Pipeline, days: Window) -> Path:
    """Run everything up to the features and return the folder of the split at SPLIT_TIME."""
    pipeline.land()
    pipeline.validate(Window(days.start, days.end, HOUR))
    pipeline.run_daily(days)
    return Path(pipeline.settings.paths.processed) / "split-2019-10-06"


@pytest.fixture(scope="module")
def taste(spark, tmp_path_factory, database) -> Pipeline:
    """Preprocess and split a week of users in 20 clusters, each with its own taste."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("taste"), database)
    generate(Span(60_000, 7 * 24, DAYS.start), pipeline.raw, seed=3, taste=20)
    preprocess(pipeline, DAYS)
    list(split(pipeline.ctx(), SPLIT_TIME))
    return pipeline


def test_hit_rate_and_ndcg_equal_the_values_computed_by_hand():
    seen = sparse.csr_matrix(np.eye(3, 30))  # user 0 has seen item 0, which would be first
    met = sparse.csr_matrix(([1.0, 1.0, 1.0], ([0, 0, 1], [2, 29, 25])), shape=(3, 30))
    model = Model("the lower the number, the better", np.ones((3, 1)), -np.arange(30.0).reshape(-1, 1))
    hit_rate, ndcg = judged(model, Split(Path(), seen, met))
    assert hit_rate == 0.5  # user 0 finds item 2 in second place, user 1 nothing; user 2 has nothing to find
    assert ndcg == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)) / 2)


@pytest.mark.long
def test_als_of_both_libraries_beats_popularity_where_users_have_a_taste(taste):
    found = compared(taste.spark, Split.read(Path(taste.settings.paths.processed) / "split-2019-10-06"))
    popular, *als = (found.loc[name] for name in ("popularity", "ALS, implicit", "ALS, Spark"))
    assert 0 < popular["hit rate at 20"] < popular["hit rate at 20"] * 1.3 < min(row["hit rate at 20"] for row in als)
    assert 2 * popular["NDCG at 20"] < min(row["NDCG at 20"] for row in als)


@pytest.mark.long
def test_recommendations_are_new_items_with_brand_and_category(taste):
    paths = taste.settings.paths
    user, recommendations = recommended(taste.spark, f"paths.warehouse={paths.warehouse}")
    known = set(taste.read(tables.USER_ITEM_MATRIX).where(f"user_id = {user}").toPandas().item_id)
    assert len(known) > 20
    assert len(recommendations) == recommendations.item_id.nunique() == 10
    assert not known & set(recommendations.item_id)
    features = taste.read(tables.ITEM_FEATURES).toPandas().set_index("item_id")
    assert list(recommendations.brand) == list(features.brand[recommendations.item_id].fillna("-"))


def run_notebook(name: str, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, result: str) -> tuple[list, list]:
    """Run a notebook in its folder, on this warehouse, in a process in Seoul that already has a Spark session.

    Return the outputs of each of its code cells, and the value of the expression `result` after them. Asserts that the
    user's session is used, keeps its settings and views, and still runs.
    """
    paths = pipeline.settings.paths
    variables = {"TZ": "Asia/Seoul", "PIPELINE_LOGS": str(paths.logs)}
    variables |= {"SETTINGS": f"paths.warehouse={paths.warehouse}", "SPLIT": f"{paths.processed}/split-2019-10-06"}
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(ROOT / "examples" / name, as_version=4)
    added = BEFORE, AFTER, f"print(json.dumps({result}))"
    before, *after = map(nbformat.v4.new_code_cell, added)
    notebook.cells = [before, *notebook.cells, *after]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    _, *outputs, session, value = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert json.loads(session[0].text) == [3, ["of_the_user"], "Asia/Seoul", "KST", "the user's"]
    return outputs, json.loads(value[0].text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_its_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells and all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.long
def test_the_notebook_of_the_recommender_runs_in_the_session_of_the_user(taste, monkeypatch):
    outputs, models = run_notebook("recommend.ipynb", taste, monkeypatch, "list(compared(spark, split).index)")
    assert models == ["popularity", "ALS, implicit", "ALS, Spark"]
    assert any("new cells after" in output.get("text", "") for cell in outputs for output in cell)
    assert sum("data" in output for cell in outputs for output in cell) == 2  # the comparison and the recommendations


def test_the_notebook_that_explores_runs_in_the_session_of_the_user(seeded, monkeypatch):
    """Its figures are those of the warehouse, and each cell after the first shows a table or a plot."""
    result = "[rows.to_dict(), places.to_dict(), str(day), int(events.events.sum()), csr.shape, csr.nnz]"
    outputs, found = run_notebook("explore.ipynb", seeded, monkeypatch, result)
    rows, places, day, events, shape, cells = found
    first, *others = outputs
    assert not first and [any("data" in output for output in cell) for cell in others] == [True] * len(others)
    assert sum("image/png" in output.get("data", {}) for cell in others for output in cell) == 7
    assert rows == {table.name: seeded.read(table).count() for table in tables.ALL}
    repeated = rows["user_events"] - rows["deduped_events"]
    kept = {"kept": rows["deduped_events"], "duplicate": repeated, "rejected": rows["rejected_events"], "waiting": 0}
    assert places == kept and min(places["duplicate"], places["rejected"]) > 0
    by_day = seeded.read(tables.CLEANED_EVENTS).groupBy("event_date").count().collect()
    assert (events, day) == max((row["count"], str(row.event_date)) for row in by_day)
    assert [*shape, cells] == [rows["user_index"], rows["item_index"], rows["user_item_matrix"]]


@pytest.mark.long
def test_the_example_runs_on_the_head_of_the_real_data(spark, tmp_path, database):
    head = CASES.parents[2] / "shared" / "data" / "2019-Oct-head.csv"
    if not head.exists():
        pytest.skip("the real head of October is not part of the project and is not on this machine")
    pipeline = Pipeline(spark, tmp_path, database)
    lines = head.read_text().splitlines(keepends=True)
    # The head covers one day, so its second half is moved to the day of the split.
    later = [line.replace("2019-10-01", "2019-10-06") for line in lines[len(lines) // 2 : -1]]
    pipeline.put("head.csv", "".join([*lines[: len(lines) // 2], *later]))
    folder = preprocess(pipeline, DAYS)
    list(split(pipeline.ctx(), SPLIT_TIME))
    found = compared(spark, Split.read(folder))
    assert len(found) == 3
    assert found.map(lambda share: 0 <= share <= 1).all(axis=None)
