"""The recommender example, as a script and as a notebook: ALS clearly beats popularity where users have a taste."""

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
SPLIT_TIME = datetime(2019, 10, 6)


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
