"""Next week's work, done: on events with planted taste ALS beats popularity clearly, as a script and as a notebook."""

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
from spark_jobs.settings import ROOT
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import CASES, Pipeline

DAYS = Window(datetime(2019, 10, 1), datetime(2019, 10, 8), DAY)
AT = datetime(2019, 10, 6)


def preprocessed(pipeline: Pipeline, days: Window) -> Path:
    """Everything up to the features; the folder of a split at AT."""
    pipeline.land()
    pipeline.judge(Window(days.start, days.end, HOUR))
    pipeline.daily(days)
    return Path(pipeline.settings.paths.processed) / "split-2019-10-06"


@pytest.fixture(scope="module")
def taste(spark, tmp_path_factory, database) -> Pipeline:
    """A week of users in 20 clusters, each with a taste of its own."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("taste"), database)
    generate(Span(60_000, 7 * 24, DAYS.start), pipeline.raw, seed=3, taste=20)
    preprocessed(pipeline, DAYS)
    list(split(pipeline.ctx(), AT))
    return pipeline


def test_hit_rate_and_ndcg_are_those_worked_out_by_hand():
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
    user, shown = recommended(taste.spark, f"paths.warehouse={paths.warehouse}")
    known = set(taste.read(tables.USER_ITEM_MATRIX).where(f"user_id = {user}").toPandas().item_id)
    assert len(known) > 20
    assert len(shown) == shown.item_id.nunique() == 10
    assert not known & set(shown.item_id)
    features = taste.read(tables.ITEM_FEATURES).toPandas().set_index("item_id")
    assert list(shown.brand) == list(features.brand[shown.item_id].fillna("-"))


@pytest.mark.long
def test_the_notebook_runs_from_its_folder(taste, monkeypatch):
    paths = taste.settings.paths
    monkeypatch.setenv("SPLIT", f"{paths.processed}/split-2019-10-06")
    monkeypatch.setenv("SETTINGS", f"paths.warehouse={paths.warehouse}")
    monkeypatch.setenv("PIPELINE_LOGS", str(Path(paths.logs)))
    notebook = nbformat.read(ROOT / "examples" / "recommend.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    texts = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text" in output
    ]
    assert any("new cells after" in text for text in texts)
    tables_shown = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "data" in o]
    assert len(tables_shown) == 2


@pytest.mark.long
def test_the_example_runs_on_the_real_head(spark, tmp_path, database):
    head = CASES.parents[2] / "shared" / "data" / "2019-Oct-head.csv"
    if not head.exists():
        pytest.skip("the real head of October is not part of the project and is not on this machine")
    pipeline = Pipeline(spark, tmp_path, database)
    lines = head.read_text().splitlines(keepends=True)
    # The head has one day: its first half stands for the day before.
    later = [line.replace("2019-10-01", "2019-10-06") for line in lines[len(lines) // 2 : -1]]
    pipeline.put("head.csv", "".join([*lines[: len(lines) // 2], *later]))
    folder = preprocessed(pipeline, DAYS)
    list(split(pipeline.ctx(), AT))
    found = compared(spark, Split.read(folder))
    assert len(found) == 3
    assert found.map(lambda share: 0 <= share <= 1).all(axis=None)
