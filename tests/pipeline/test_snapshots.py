"""Matrix and features: written together or not at all, and the next run completes an interrupted build."""

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
def base_pipeline(spark, tmp_path_factory, database) -> Pipeline:
    """Build the snapshots of two days, and prepare a third day that is not added yet."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("ready"), database)
    for days in (Window(START, START + 2 * DAY, DAY), Window(START + 2 * DAY, ALL.end, DAY)):
        for day in days.starts():
            generate(Span(150, 24, day), pipeline.raw, seed=5, ratings=True)
        pipeline.land()
        pipeline.validate(Window(days.start, days.end, HOUR))
        if days.start == START:
            pipeline.run_daily(days)
    for job in (remove_duplicates, handle_missing_values):
        job.run(pipeline.ctx(), ALL)
    return pipeline


def copy_pipeline(base_pipeline: Pipeline, folder) -> Pipeline:
    pipeline = Pipeline(base_pipeline.spark, folder, base_pipeline.settings.paths.database)
    shutil.copytree(base_pipeline.folder / "warehouse", folder / "warehouse")
    return pipeline


def digest_tables(pipeline: Pipeline) -> dict:
    found = digests(pipeline.spark, pipeline.settings.paths.warehouse, lambda sql: [])
    return {name: found[name] for names in TABLES.values() for name in names}


def read_visible_state(pipeline: Pipeline, job) -> list[tuple]:
    """Return what a reader sees: the row count and a digest of each table of the job."""
    ctx, found = pipeline.ctx().pin(), []
    for table in job.JOB.writes:
        columns = [name for name in table.columns if name != "built_at"]
        row = F.xxhash64(F.to_json(F.struct(*columns))).cast("decimal(38,0)")
        found.append(tuple(ctx.read(table).agg(F.count("*"), F.sum(row)).first()))
    return found


def list_failpoints(job) -> list[str]:
    return [name for name, (job_name, _) in FAILPOINTS.items() if job_name == job.JOB.name]


def interrupt_at(monkeypatch, failpoint: str, action) -> None:
    """Run the action until it reaches the failpoint."""

    def interrupt(name: str) -> None:
        if name == failpoint:
            raise KeyboardInterrupt(name)

    with monkeypatch.context() as patched:
        patched.setattr(failpoints, "reach", interrupt)
        with pytest.raises(KeyboardInterrupt, match=failpoint):
            action()


@pytest.mark.long
def test_an_interrupted_build_is_invisible_and_completed_by_the_next_run(base_pipeline, tmp_path, monkeypatch):
    undisturbed, interrupted = (tmp_path / name for name in ("undisturbed", "hurt"))
    for folder in (undisturbed, interrupted):
        folder.mkdir()
    undisturbed, interrupted = copy_pipeline(base_pipeline, undisturbed), copy_pipeline(base_pipeline, interrupted)
    for job in JOBS:
        assert job.run(undisturbed.ctx(), ALL)["days_added"] == 1
        before = read_visible_state(interrupted, job)
        assert len(list_failpoints(job)) == 4
        for failpoint in list_failpoints(job):
            interrupt_at(monkeypatch, failpoint, lambda job=job: job.run(interrupted.ctx(), ALL))
            assert read_visible_state(interrupted, job) == before, failpoint
        assert job.run(interrupted.ctx(), ALL)["days_added"] == 1
        assert read_visible_state(interrupted, job) == read_visible_state(undisturbed, job) != before
    assert digest_tables(interrupted) == digest_tables(undisturbed)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.JOB.name)
def test_a_failed_verdict_writes_no_table_and_is_recorded(base_pipeline, tmp_path, monkeypatch, job):
    pipeline = copy_pipeline(base_pipeline, tmp_path)
    storage, before = pipeline.ctx().storage, read_visible_state(pipeline, job)
    versions = [storage.version(table) for table in job.JOB.writes]
    last = item_features if job is feature_engineering else user_item_matrix
    with monkeypatch.context() as patched:
        patched.setattr(last, "suite", lambda *of: Suite("never", [at_most("rows", 0, "no row at all")]))
        with pytest.raises(QualityError, match="no row at all"):
            job.run(pipeline.ctx(), ALL)
    assert [storage.version(table) for table in job.JOB.writes] == versions
    stopped = pipeline.ctx().ledger.last_build(job.JOB.name)
    assert (stopped["status"], str(stopped["day"])) == ("stopped", "2019-10-03")
    assert "no row at all" in stopped["verdict"]
    assert read_visible_state(pipeline, job) == before
    assert job.run(pipeline.ctx(), ALL)["days_added"] == "all"
    assert pipeline.ctx().ledger.last_build(job.JOB.name)["status"] == "built"


def test_a_table_whose_recorded_version_is_gone_is_read_at_its_latest_version_and_rebuilt(base_pipeline, tmp_path):
    pipeline, table = copy_pipeline(base_pipeline, tmp_path), tables.USER_FEATURES
    ctx = pipeline.ctx()
    recorded = ctx.ledger.version(table)
    ctx.writer.replace(table, ctx.storage.read(table).limit(3), None)  # by hand: no row of the ledger records it
    assert ctx.ledger.version(table) == recorded
    for path in (pipeline.folder / "warehouse" / table.name).glob("*.parquet"):
        if path.name not in {address.rpartition("/")[2] for address in ctx.storage.list_files(table)}:
            path.unlink()
    assert pipeline.ctx().read(table).count() == 3
    assert feature_engineering.run(pipeline.ctx(), ALL)["days_added"] == "all"
    assert pipeline.ctx().read(table).count() > 3
