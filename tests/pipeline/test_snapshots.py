"""Matrix and features: written together or not at all, and completed by the next run wherever the last one ended."""

import shutil
from datetime import datetime

import pytest
from pyspark.sql import functions as F

from expectations import Suite, at_most, item_features, user_item_matrix
from spark_jobs import tables
from spark_jobs.coordination import failpoints
from spark_jobs.errors import QualityError
from spark_jobs.jobs import create_user_item_matrix, feature_engineering, handle_missing_values, remove_duplicates
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.torture.cases import FAILPOINTS
from tests.torture.digests import digests

START = datetime(2019, 10, 1)
ALL = Window(START, START + 3 * DAY, DAY)
JOBS = (create_user_item_matrix, feature_engineering)
TABLES = {job: [table.name for table in job.JOB.writes] for job in JOBS}


@pytest.fixture(scope="module")
def ready(spark, tmp_path_factory, database) -> Pipeline:
    """Two days with their snapshots, and a third that waits to be added to them."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("ready"), database)
    for days in (Window(START, START + 2 * DAY, DAY), Window(START + 2 * DAY, ALL.end, DAY)):
        for day in days.starts():
            generate(Span(150, 24, day), pipeline.raw, seed=5, ratings=True)
        pipeline.land()
        pipeline.judge(Window(days.start, days.end, HOUR))
        if days.start == START:
            pipeline.daily(days)
    for job in (remove_duplicates, handle_missing_values):
        job.run(pipeline.ctx(), ALL)
    return pipeline


def copied(ready: Pipeline, folder) -> Pipeline:
    pipeline = Pipeline(ready.spark, folder, ready.settings.paths.database)
    shutil.copytree(ready.folder / "warehouse", folder / "warehouse")
    return pipeline


def held(pipeline: Pipeline) -> dict:
    found = digests(pipeline.spark, pipeline.settings.paths.warehouse, lambda sql: [])
    return {name: found[name] for names in TABLES.values() for name in names}


def seen(pipeline: Pipeline, job) -> list[tuple]:
    """What a reader sees: rows and a digest of each table of the job."""
    ctx, found = pipeline.ctx().pinned(), []
    for table in job.TABLES:
        columns = [name for name in table.columns if name != "built_at"]
        row = F.xxhash64(F.to_json(F.struct(*columns))).cast("decimal(38,0)")
        found.append(tuple(ctx.read(table).agg(F.count("*"), F.sum(row)).first()))
    return found


def moments(job) -> list[str]:
    return [name for name, (of, _) in FAILPOINTS.items() if of == job.JOB.name]


def dies(monkeypatch, at: str, action) -> None:
    """Runs the action until it comes to the failpoint."""

    def reached(name: str) -> None:
        if name == at:
            raise KeyboardInterrupt(name)

    with monkeypatch.context() as patched:
        patched.setattr(failpoints, "reach", reached)
        with pytest.raises(KeyboardInterrupt, match=at):
            action()


@pytest.mark.long
def test_a_build_that_ends_at_any_moment_is_unseen_and_completed_by_the_next_run(ready, tmp_path, monkeypatch):
    undisturbed, hurt = (tmp_path / name for name in ("undisturbed", "hurt"))
    for folder in (undisturbed, hurt):
        folder.mkdir()
    undisturbed, hurt = copied(ready, undisturbed), copied(ready, hurt)
    for job in JOBS:
        assert job.run(undisturbed.ctx(), ALL)["days_added"] == 1
        before = seen(hurt, job)
        assert len(moments(job)) == 4
        for moment in moments(job):
            dies(monkeypatch, moment, lambda job=job: job.run(hurt.ctx(), ALL))
            assert seen(hurt, job) == before, moment
        assert job.run(hurt.ctx(), ALL)["days_added"] == 1
        assert seen(hurt, job) == seen(undisturbed, job) != before
    assert held(hurt) == held(undisturbed)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.JOB.name)
def test_a_failed_verdict_writes_no_table_and_is_recorded(ready, tmp_path, monkeypatch, job):
    pipeline = copied(ready, tmp_path)
    storage, before = pipeline.ctx().storage, seen(pipeline, job)
    versions = [storage.version(table) for table in job.JOB.writes]
    last = item_features if job is feature_engineering else user_item_matrix
    with monkeypatch.context() as patched:
        patched.setattr(last, "suite", lambda settings: Suite("never", [at_most("rows", 0, "no row at all")]))
        with pytest.raises(QualityError, match="no row at all"):
            job.run(pipeline.ctx(), ALL)
    assert [storage.version(table) for table in job.JOB.writes] == versions
    stopped = pipeline.ctx().ledger.last_build(job.JOB.name)
    assert (stopped["status"], str(stopped["day"])) == ("stopped", "2019-10-03")
    assert "no row at all" in stopped["verdict"]
    assert seen(pipeline, job) == before
    assert job.run(pipeline.ctx(), ALL)["days_added"] == "all"
    assert pipeline.ctx().ledger.last_build(job.JOB.name)["status"] == "built"


def test_a_table_whose_named_version_is_gone_is_read_as_it_is_and_built_from_scratch(ready, tmp_path):
    pipeline, table = copied(ready, tmp_path), tables.USER_FEATURES
    ctx = pipeline.ctx()
    named = ctx.ledger.version(table)
    ctx.writer.replace(table, ctx.storage.read(table).limit(3), None)  # by hand: no row of the ledger names it
    assert ctx.ledger.version(table) == named
    for path in (pipeline.folder / "warehouse" / table.name).glob("*.parquet"):
        if path.as_uri() not in map(str, ctx.storage.read(table).inputFiles()):
            path.unlink()
    assert pipeline.ctx().read(table).count() == 3
    assert feature_engineering.run(pipeline.ctx(), ALL)["days_added"] == "all"
    assert pipeline.ctx().read(table).count() > 3
