"""What a killed attempt committed without a row in the ledger is taken back, whatever the next attempt does."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.command_line import leased
from spark_jobs.delta.files import vacuum
from spark_jobs.flow import Writer
from spark_jobs.inspection import reconciliation
from spark_jobs.jobs import feature_engineering, handle_missing_values, remove_duplicates
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.maintenance import compaction
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import DAY_1, HEAD, OCTOBER_1

ROW = "2019-10-{day:02} {hour:02}:00:00 UTC,view,1,77,,{brand},5,{user},s\n"
DAY_2 = Window(datetime(2019, 10, 2), datetime(2019, 10, 3), DAY)
BOTH = Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR)


def dies(*_) -> None:
    raise KeyboardInterrupt


def killed(monkeypatch, method: str, action) -> None:
    """Run it until the ledger would be written."""
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, method, dies)
        with pytest.raises(KeyboardInterrupt):
            action()


def test_rows_of_a_killed_verdict_go_also_where_their_hour_is_gone(pipeline, monkeypatch):
    pipeline.put("a.csv", HEAD + ROW.format(day=1, hour=9, user=501, brand="x"))
    pipeline.land()
    pipeline.judge()
    path = pipeline.put("b.csv", HEAD + ROW.format(day=1, hour=10, user=502, brand="x"))
    pipeline.land()
    killed(monkeypatch, "record_hours", pipeline.judge)
    path.write_text(HEAD + ROW.format(day=1, hour=11, user=503, brand="x"))
    pipeline.land()
    pipeline.judge()
    assert pipeline.values(tables.USER_EVENTS, "user_id") == [(501,), (503,)]
    assert reconciliation.reconcile_events(pipeline.ctx())["user_events"] == 2


def test_a_day_of_a_killed_build_is_in_no_snapshot_until_it_is_built(pipeline, monkeypatch):
    text = (ROW.format(day=day, hour=9, user=500 + day, brand="x") for day in (1, 2))
    pipeline.put("a.csv", HEAD + "".join(text))
    pipeline.land()
    pipeline.judge(BOTH)
    remove_duplicates.run(pipeline.ctx(), DAY_2)
    killed(monkeypatch, "record_builds", lambda: handle_missing_values.run(pipeline.ctx(), DAY_2))
    pipeline.daily(DAY_1)
    assert pipeline.values(tables.USER_ITEM_MATRIX, "user_id", "score") == [(501, 1.0)]
    assert pipeline.values(tables.USER_FEATURES, "user_id") == [(501,)]
    pipeline.daily(DAY_2)
    assert pipeline.values(tables.USER_ITEM_MATRIX, "user_id", "score") == [(501, 1.0), (502, 1.0)]
    assert feature_engineering.run(pipeline.ctx(), DAY_2)["unchanged"]


def test_upkeep_takes_back_a_killed_build_while_the_files_before_it_are_there(pipeline, monkeypatch):
    pipeline.put("a.csv", HEAD + ROW.format(day=1, hour=9, user=501, brand="x"))
    pipeline.land()
    pipeline.judge()
    pipeline.daily()
    pipeline.put("b.csv", HEAD + ROW.format(day=1, hour=10, user=502, brand="x"))
    pipeline.land()
    pipeline.judge()
    killed(monkeypatch, "record_builds", lambda: remove_duplicates.run(pipeline.ctx(), DAY_1))
    assert pipeline.values(tables.DEDUPED_EVENTS, "user_id") == [(501,), (502,)]
    with leased(pipeline.settings, pipeline.spark, [Writer.PREPROCESSING]) as ctx:
        compaction.compact_closed_days(ctx, Writer.PREPROCESSING)
    assert pipeline.values(tables.DEDUPED_EVENTS, "user_id") == [(501,)]
    vacuum(pipeline.ctx().storage, tables.DEDUPED_EVENTS, 0)
    pipeline.daily()
    assert pipeline.values(tables.CLEANED_EVENTS, "user_id") == [(501,), (502,)]


def test_an_item_keeps_what_a_stopped_hour_of_the_day_said_of_it(pipeline, postgres):
    path = pipeline.put("a.csv", HEAD + ROW.format(day=1, hour=5, user=501, brand="acme"))
    pipeline.land()
    pipeline.judge()
    pipeline.load()
    path.write_text(HEAD + ROW.format(day=1, hour=5, user=501, brand="acme").replace("view", "what"))
    pipeline.put("b.csv", HEAD + ROW.format(day=1, hour=6, user=502, brand=""))
    pipeline.land()
    assert "stopped 1 hour" in pipeline.refused(pipeline.judge)
    pipeline.load()
    assert postgres("SELECT brand FROM items") == [("acme",)]
    assert postgres("SELECT count(*) FROM user_events") == [(2,)]
