"""Report and check next to writers: whatever is committed halfway, they show what the ledger says, and no defect."""

import os
import time

import pytest

from spark_jobs import tables
from spark_jobs.errors import IdentityError
from spark_jobs.jobs import create_user_item_matrix, feature_engineering, handle_missing_values, remove_duplicates
from spark_jobs.postgres import served_hours
from spark_jobs.report.facts import gather_facts
from spark_jobs.report.run_summary import describe_identities
from tests.conftest import DAY_1, HEAD
from tests.pipeline.test_snapshots import dies
from tests.unfenced import unfenced

ROW = "2019-10-01 {time}:00 UTC,{kind},1001,7,a.b,acme,10.00,{user},s\n"
DAY_ROWS = [ROW.format(time=f"0{hour}:0{user}", kind="view", user=user) for hour in range(3) for user in range(1, 5)]


def flow(pipeline) -> dict:
    """The report's flow; check and report have no complaint."""
    assert len(list(describe_identities(pipeline.ctx()))) == 3
    found = gather_facts(pipeline.ctx(), {})
    pipeline.facts = found
    return {name: count for name, count in found["flow"].items() if count}


def daily(pipeline, job):
    return lambda: job.run(pipeline.ctx(), DAY_1)


@pytest.fixture
def landed(pipeline, postgres):
    pipeline.put("a.csv", HEAD + "".join(DAY_ROWS) + "no record\n")
    pipeline.land()
    return pipeline


@pytest.mark.long
def test_a_reader_between_the_commits_of_each_writer_shows_the_state_of_the_ledger(landed, monkeypatch):
    pipeline, nothing = landed, {"raw": 13, "waiting": 13}
    for moment in ("validation.events", "validation.written"):
        dies(monkeypatch, moment, pipeline.judge)
        assert flow(pipeline) == nothing
    pipeline.judge()
    judged = {"raw": 13, "valid": 12, "rejected": 1}
    dies(monkeypatch, "load.committed", pipeline.load)
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.Served(hours=0, rows=12, waiting=0)
    pipeline.load()
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.Served(hours=3, rows=12, waiting=0)
    dies(monkeypatch, "build.written", daily(pipeline, remove_duplicates))
    assert flow(pipeline) == judged
    for job in (remove_duplicates, handle_missing_values):
        daily(pipeline, job)()
    dies(monkeypatch, "matrix.written", daily(pipeline, create_user_item_matrix))
    dies(monkeypatch, "features.users", daily(pipeline, feature_engineering))
    assert flow(pipeline) == judged | {"kept": 12}
    assert "users" not in pipeline.facts
    for job in (feature_engineering, create_user_item_matrix):
        daily(pipeline, job)()
    assert flow(pipeline) == judged | {"kept": 12}
    assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 4)
    rows = {table["name"]: table["rows"] for table in pipeline.facts["tables"]}

    pipeline.put("late.csv", HEAD + ROW.format(time="01:30", kind="purchase", user=9))
    pipeline.land()
    dies(monkeypatch, "validation.written", pipeline.judge)
    assert flow(pipeline)["waiting"] == 5  # the hour of the late row
    assert {table["name"]: table["rows"] for table in pipeline.facts["tables"]} == rows | {
        "raw_events": 14,
        "landed_files": 2,
    }
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.Served(hours=3, rows=12, waiting=0)
    pipeline.judge()
    assert served_hours.compare_served_hours(pipeline.ctx()) == served_hours.Served(hours=2, rows=8, waiting=1)
    for job, moment, kept in (
        (remove_duplicates, "build.written", 12),
        (handle_missing_values, "build.written", 13),
        (create_user_item_matrix, "matrix.written", 13),
    ):
        dies(monkeypatch, moment, daily(pipeline, job))
        assert flow(pipeline)["kept"] == kept
        assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 4)
        daily(pipeline, job)()
    dies(monkeypatch, "features.users", daily(pipeline, feature_engineering))
    assert flow(pipeline)["kept"] == 13
    assert (pipeline.facts["users"]["count"], pipeline.facts["matrix"]["cells"]) == (4, 5)


@pytest.fixture
def served(landed):
    landed.judge()
    landed.load()
    return landed


def test_a_difference_made_by_hand_is_found(served, postgres):
    assert served_hours.compare_served_hours(served.ctx()).hours == 3
    postgres("UPDATE user_events SET price = 11 WHERE timestamp < '2019-10-01 01:00'")
    with pytest.raises(IdentityError, match="2019-10-01T00: PostgreSQL has 4 rows"):
        served_hours.compare_served_hours(served.ctx())
    postgres("UPDATE user_events SET price = 10")
    postgres("INSERT INTO user_events (user_id, item_id, event_type, timestamp) VALUES (1, 1, 'view', '2019-10-05')")
    with pytest.raises(IdentityError, match="2019-10-05T00: PostgreSQL has 1 rows"):
        served_hours.compare_served_hours(served.ctx())
    postgres("DELETE FROM user_events WHERE timestamp >= '2019-10-05'")
    postgres("DELETE FROM pipeline.loaded_hours WHERE hour = '2019-10-01 02:00'")
    with pytest.raises(IdentityError, match="2019-10-01T02: PostgreSQL's ledger has no entry, Delta's 4:"):
        served_hours.compare_served_hours(served.ctx())


def test_an_hour_that_is_loaded_meanwhile_waits_and_is_not_compared(served, monkeypatch):
    served.put("late.csv", HEAD + ROW.format(time="01:30", kind="purchase", user=9))
    opened = served_hours.open_database

    def loaded_first(ctx):
        """A writer commits after Delta's ledger was read and before PostgreSQL is."""
        served.land()
        served.judge()
        served.load()
        return opened(ctx)

    with monkeypatch.context() as patched:
        patched.setattr(served_hours, "open_database", loaded_first)
        assert served_hours.compare_served_hours(served.ctx()) == served_hours.Served(hours=2, rows=8, waiting=1)
    assert served_hours.compare_served_hours(served.ctx()) == served_hours.Served(hours=3, rows=13, waiting=0)


def test_counting_a_named_version_reads_the_log_only(served):
    """Also of one that is older than Delta keeps replaced files: they were replaced a moment ago."""
    storage, table = served.ctx().storage, tables.USER_EVENTS
    version, long_ago = storage.version(table), time.time() - 10 * 86_400
    for commit in (served.folder / "warehouse" / table.name / "_delta_log").glob("*.json"):
        os.utime(commit, (long_ago, long_ago))
    unfenced(storage).replace(table, storage.read(table).limit(1), None)
    served.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    plan = storage.read(table, version).groupBy().count()._jdf.queryExecution().optimizedPlan().toString()
    assert plan.startswith("LocalRelation")
    assert (storage.count(table, version), storage.count(table, version + 1)) == (12, 1)
    assert served.ctx().count(table) == 12  # the ledger names that version


def test_a_warehouse_whose_ledger_names_nothing_is_read_as_it_is(served):
    ctx = served.ctx()
    ctx.ledger.record_hours(row | {"writes": None} for row in ctx.ledger.hours())
    assert served.ctx().count(tables.USER_EVENTS) == 12
    assert len(list(describe_identities(served.ctx()))) == 3
