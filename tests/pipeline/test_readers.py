"""Report and check during writes: after a partial commit they show the state of the ledger and find no error."""

import os
import time

import pytest

from spark_jobs import tables
from spark_jobs.errors import IdentityError
from spark_jobs.jobs import create_user_item_matrix, feature_engineering, handle_missing_values, remove_duplicates
from spark_jobs.postgres import served_hours
from spark_jobs.report.facts import gather_facts
from spark_jobs.report.run_summary import describe_identities
from tests.conftest import DAY_1
from tests.counting import count_jobs
from tests.events import HEAD, event_line
from tests.pipeline.test_snapshots import interrupt_at
from tests.unfenced import unfenced_writer

DAY_ROWS = [event_line(time=f"0{hour}:0{user}:00", user_id=user) for hour in range(3) for user in range(1, 5)]


def read_flow(pipeline) -> dict:
    """Return the flow of the report, after the check and the report have found no error."""
    assert len(list(describe_identities(pipeline.ctx()))) == 3
    found = gather_facts(pipeline.ctx(), {})
    pipeline.facts = found
    return {name: count for name, count in found["flow"].items() if count}


def prepare_run(pipeline, job):
    return lambda: job.run(pipeline.ctx(), DAY_1)


@pytest.fixture
def landed_pipeline(pipeline, postgres):
    pipeline.put("a.csv", HEAD + "".join(DAY_ROWS) + "no record\n")
    pipeline.land()
    return pipeline


@pytest.mark.long
def test_a_reader_between_the_commits_of_each_writer_shows_the_state_of_the_ledger(landed_pipeline, monkeypatch):
    pipeline, nothing = landed_pipeline, {"raw": 13, "waiting": 13}
    for failpoint in ("validation.events", "validation.written"):
        interrupt_at(monkeypatch, failpoint, pipeline.validate)
        assert read_flow(pipeline) == nothing
    pipeline.validate()
    validated = {"raw": 13, "valid": 12, "rejected": 1}
    interrupt_at(monkeypatch, "load.committed", pipeline.load)
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.ServedHours(hours=0, rows=12, waiting=0)
    pipeline.load()
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.ServedHours(hours=3, rows=12, waiting=0)
    interrupt_at(monkeypatch, "build.written", prepare_run(pipeline, remove_duplicates))
    assert read_flow(pipeline) == validated
    for job in (remove_duplicates, handle_missing_values):
        prepare_run(pipeline, job)()
    interrupt_at(monkeypatch, "matrix.written", prepare_run(pipeline, create_user_item_matrix))
    interrupt_at(monkeypatch, "features.users", prepare_run(pipeline, feature_engineering))
    assert read_flow(pipeline) == validated | {"kept": 12}
    assert "users" not in pipeline.facts
    for job in (feature_engineering, create_user_item_matrix):
        prepare_run(pipeline, job)()
    assert read_flow(pipeline) == validated | {"kept": 12}
    assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 4)
    rows = {table["name"]: table["rows"] for table in pipeline.facts["tables"]}

    pipeline.put("late.csv", HEAD + event_line(time="01:30:00", event_type="purchase", user_id=9))
    pipeline.land()
    interrupt_at(monkeypatch, "validation.written", pipeline.validate)
    assert read_flow(pipeline)["waiting"] == 5  # the hour of the late row
    assert {table["name"]: table["rows"] for table in pipeline.facts["tables"]} == rows | {
        "raw_events": 14,
        "landed_files": 2,
    }
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.ServedHours(hours=3, rows=12, waiting=0)
    pipeline.validate()
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.ServedHours(hours=2, rows=8, waiting=1)
    for job, failpoint, kept in (
        (remove_duplicates, "build.written", 12),
        (handle_missing_values, "build.written", 13),
        (create_user_item_matrix, "matrix.written", 13),
    ):
        interrupt_at(monkeypatch, failpoint, prepare_run(pipeline, job))
        assert read_flow(pipeline)["kept"] == kept
        assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 4)
        prepare_run(pipeline, job)()
    interrupt_at(monkeypatch, "features.users", prepare_run(pipeline, feature_engineering))
    assert read_flow(pipeline)["kept"] == 13
    assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 5)


@pytest.fixture
def loaded_pipeline(landed_pipeline):
    landed_pipeline.validate()
    landed_pipeline.load()
    return landed_pipeline


def test_a_manual_change_in_postgresql_is_found(loaded_pipeline, postgres):
    assert served_hours.compare_served_hours(loaded_pipeline.ctx()).hours == 3
    postgres("UPDATE user_events SET price = 11 WHERE timestamp < '2019-10-01 01:00'")
    with pytest.raises(IdentityError, match="2019-10-01T00: PostgreSQL has 4 rows"):
        served_hours.compare_served_hours(loaded_pipeline.ctx())
    postgres("UPDATE user_events SET price = 5")
    postgres("INSERT INTO user_events (user_id, item_id, event_type, timestamp) VALUES (1, 1, 'view', '2019-10-05')")
    with pytest.raises(IdentityError, match="2019-10-05T00: PostgreSQL has 1 rows"):
        served_hours.compare_served_hours(loaded_pipeline.ctx())
    postgres("DELETE FROM user_events WHERE timestamp >= '2019-10-05'")
    postgres("DELETE FROM pipeline.loaded_hours WHERE hour = '2019-10-01 02:00'")
    with pytest.raises(IdentityError, match="2019-10-01T02: PostgreSQL's ledger has no entry, Delta's 4:"):
        served_hours.compare_served_hours(loaded_pipeline.ctx())


def test_an_hour_that_is_loaded_during_the_comparison_is_not_compared(loaded_pipeline, monkeypatch):
    loaded_pipeline.put("late.csv", HEAD + event_line(time="01:30:00", event_type="purchase", user_id=9))
    open_original = served_hours.open_database

    def load_then_open(ctx):
        """Commit as a writer after Delta's ledger is read and before PostgreSQL's is."""
        loaded_pipeline.land()
        loaded_pipeline.validate()
        loaded_pipeline.load()
        return open_original(ctx)

    with monkeypatch.context() as patched:
        patched.setattr(served_hours, "open_database", load_then_open)
        assert served_hours.compare_served_hours(loaded_pipeline.ctx()) == served_hours.ServedHours(
            hours=2, rows=8, waiting=1
        )
    assert served_hours.compare_served_hours(loaded_pipeline.ctx()) == served_hours.ServedHours(
        hours=3, rows=13, waiting=0
    )


def test_counting_the_rows_of_a_version_reads_only_the_log(loaded_pipeline):
    """The version may be older than Delta keeps replaced files, if its files were replaced only a moment ago."""
    storage, table = loaded_pipeline.ctx().storage, tables.USER_EVENTS
    version, long_ago = storage.version(table), time.time() - 10 * 86_400
    for commit in (loaded_pipeline.folder / "warehouse" / table.name / "_delta_log").glob("*.json"):
        os.utime(commit, (long_ago, long_ago))
    unfenced_writer(storage).replace(table, storage.read(table).limit(1), None)
    loaded_pipeline.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    before = count_jobs(loaded_pipeline.spark)
    assert (storage.count(table, version), storage.count(table, version + 1)) == (12, 1)
    assert count_jobs(loaded_pipeline.spark) == before
    assert loaded_pipeline.ctx().count(table) == 12  # the ledger records that version


def test_a_warehouse_without_recorded_versions_is_read_at_its_latest_versions(loaded_pipeline):
    ctx = loaded_pipeline.ctx()
    ctx.ledger.record_hours(row | {"writes": None} for row in ctx.ledger.hours())
    assert loaded_pipeline.ctx().count(tables.USER_EVENTS) == 12
    assert len(list(describe_identities(loaded_pipeline.ctx()))) == 3
