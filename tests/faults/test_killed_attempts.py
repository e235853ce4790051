"""The next attempt undoes the commits of a killed attempt that have no row in the ledger."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.delta.files import vacuum
from spark_jobs.flow import Writer
from spark_jobs.inspection import reconciliation
from spark_jobs.jobs import feature_engineering, handle_missing_values, remove_duplicates
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.maintenance import compaction
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import DAY_1, OCTOBER_1
from tests.events import HEAD, event_line

DAY_2 = Window(datetime(2019, 10, 2), datetime(2019, 10, 3), DAY)
BOTH = Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR)


def die(*_) -> None:
    raise KeyboardInterrupt


def run_until_killed(monkeypatch, method: str, action) -> None:
    """Run the action and kill it where it would write to the ledger."""
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, method, die)
        with pytest.raises(KeyboardInterrupt):
            action()


def test_rows_of_a_killed_validation_are_removed_even_if_their_hour_disappears(pipeline, monkeypatch):
    pipeline.put("a.csv", HEAD + event_line(time="09:00:00", user_id=501))
    pipeline.land()
    pipeline.validate()
    path = pipeline.put("b.csv", HEAD + event_line(time="10:00:00", user_id=502))
    pipeline.land()
    run_until_killed(monkeypatch, "record_hours", pipeline.validate)
    path.write_text(HEAD + event_line(time="11:00:00", user_id=503))
    pipeline.land()
    pipeline.validate()
    assert pipeline.values(tables.USER_EVENTS, "user_id") == [(501,), (503,)]
    assert reconciliation.reconcile_events(pipeline.ctx())["user_events"] == 2


def test_a_day_of_a_killed_build_is_in_no_snapshot_until_it_is_rebuilt(pipeline, monkeypatch):
    text = (event_line(time=f"2019-10-0{day} 09:00:00", user_id=500 + day) for day in (1, 2))
    pipeline.put("a.csv", HEAD + "".join(text))
    pipeline.land()
    pipeline.validate(BOTH)
    remove_duplicates.run(pipeline.ctx(), DAY_2)
    run_until_killed(monkeypatch, "record_builds", lambda: handle_missing_values.run(pipeline.ctx(), DAY_2))
    pipeline.run_daily(DAY_1)
    assert pipeline.values(tables.USER_ITEM_MATRIX, "user_id", "score") == [(501, 1.0)]
    assert pipeline.values(tables.USER_FEATURES, "user_id") == [(501,)]
    pipeline.run_daily(DAY_2)
    assert pipeline.values(tables.USER_ITEM_MATRIX, "user_id", "score") == [(501, 1.0), (502, 1.0)]
    assert feature_engineering.run(pipeline.ctx(), DAY_2)["unchanged"]


def test_maintenance_undoes_a_killed_build_before_the_old_files_are_deleted(pipeline, monkeypatch):
    pipeline.put("a.csv", HEAD + event_line(time="09:00:00", user_id=501))
    pipeline.land()
    pipeline.validate()
    pipeline.run_daily()
    pipeline.put("b.csv", HEAD + event_line(time="10:00:00", user_id=502))
    pipeline.land()
    pipeline.validate()
    run_until_killed(monkeypatch, "record_builds", lambda: remove_duplicates.run(pipeline.ctx(), DAY_1))
    assert pipeline.values(tables.DEDUPED_EVENTS, "user_id") == [(501,), (502,)]
    with hold_leases(pipeline.settings, pipeline.spark, [Writer.PREPROCESSING]) as ctx:
        compaction.compact_closed_days(ctx, Writer.PREPROCESSING)
    assert pipeline.values(tables.DEDUPED_EVENTS, "user_id") == [(501,)]
    vacuum(pipeline.ctx().storage, tables.DEDUPED_EVENTS, 0)
    pipeline.run_daily()
    assert pipeline.values(tables.CLEANED_EVENTS, "user_id") == [(501,), (502,)]


def test_an_item_keeps_the_attributes_from_an_hour_that_was_stopped_later(pipeline, postgres):
    path = pipeline.put("a.csv", HEAD + event_line(time="05:00:00", user_id=501))
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    path.write_text(HEAD + event_line(time="05:00:00", user_id=501).replace("view", "what"))
    pipeline.put("b.csv", HEAD + event_line(time="06:00:00", user_id=502, brand=""))
    pipeline.land()
    assert "stopped 1 hour" in pipeline.expect_refusal(pipeline.validate)
    pipeline.load()
    assert postgres("SELECT brand FROM items") == [("acme",)]
    assert postgres("SELECT count(*) FROM user_events") == [(2,)]
