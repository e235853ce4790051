"""Landing, validation and loading: the effects on files, hours and PostgreSQL."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.errors import NotArrivedError, QualityError
from spark_jobs.jobs import validate_data_quality
from spark_jobs.windows import HOUR, Window
from tests.conftest import OCTOBER_1
from tests.events import HEAD, session_lines


def read_sessions(pipeline) -> list[str]:
    return sorted(row.session_id for row in pipeline.read(tables.USER_EVENTS).collect())


def read_file_statuses(pipeline) -> dict[str, str]:
    ledger = pipeline.read(tables.LANDED_FILES).collect()
    return {row.path.rpartition("/")[2]: row.status for row in ledger}


def test_an_hour_with_too_many_rejected_rows_is_stopped_until_it_is_accepted_with_a_reason(pipeline):
    pipeline.copy_cases("c01-fields.csv")
    pipeline.land()
    assert pipeline.validate()["user_events"] == 2  # malformed records have no time, so they stop no hour
    assert [row.reasons for row in pipeline.read(tables.REJECTED_EVENTS).collect()] == [["malformed_record"]] * 4
    pipeline.copy_cases("c23-ties.csv")
    pipeline.land()
    with pytest.raises(QualityError) as caught:
        pipeline.validate()
    assert "at most 10% of the rows rejected" in str(caught.value)
    assert "2019-10-01T09" in str(caught.value)
    assert "event_type_unknown in 2019-10-01 09:00:05 UTC,VIEW" in str(caught.value)
    assert len(read_sessions(pipeline)) == 2
    counts = pipeline.validate(accept="case")
    assert (counts["user_events"], counts["rejected_events"], counts["not_yet_committed"]) == (13, 7, 0)
    ledger = {row.unit: row.accepted for row in pipeline.read(tables.HOUR_STATUS).collect()}
    assert ledger["2019-10-01T09"] == "case"


def test_a_growing_file_lands_its_new_rows_and_replaces_its_incomplete_last_line(pipeline):
    step1 = pipeline.raw / "g.csv"
    pipeline.copy_cases("c09-step1.csv")
    (pipeline.raw / "c09-step1.csv").rename(step1)
    pipeline.land()
    pipeline.validate()
    assert read_sessions(pipeline) == ["s-1", "s-12", "s-2"]
    with step1.open("a") as file:
        file.write("34\n" + session_lines("s-4", time="09:04:00"))
    assert pipeline.land()["files_landed"] == 1
    pipeline.validate()
    assert read_sessions(pipeline) == ["s-1", "s-1234", "s-2", "s-4"]
    assert pipeline.read(tables.RAW_EVENTS).count() == 4
    assert pipeline.land()["files_landed"] == 0


def test_a_copied_file_adds_no_rows_a_changed_one_replaces_them_and_a_deleted_one_keeps_them(pipeline):
    pipeline.put("a.csv", HEAD + session_lines("s-1"))
    pipeline.put("copy of a \ud55c\uae00.csv", HEAD + session_lines("s-1"))
    pipeline.put("bad.csv", HEAD.replace("user_id", "who") + session_lines("s-2"))
    pipeline.land()
    assert read_file_statuses(pipeline) == {
        "a.csv": "landed",
        "copy of a \ud55c\uae00.csv": "duplicate",
        "bad.csv": "refused",
    }
    assert any("user_id is missing" in line for line in pipeline.messages)
    pipeline.validate()
    assert read_sessions(pipeline) == ["s-1"]
    pipeline.put("a.csv", HEAD + session_lines("s-8", "s-9", time="10:01:00"))
    pipeline.put("bad.csv", HEAD + session_lines("s-2", time="09:30:00"))
    pipeline.land()
    pipeline.validate()
    # The old content of a.csv was replaced, so its copy is no longer a duplicate.
    assert read_sessions(pipeline) == ["s-1", "s-2", "s-8", "s-9"]
    (pipeline.raw / "bad.csv").unlink()
    pipeline.land()
    assert read_file_statuses(pipeline)["bad.csv"] == "vanished"
    counts = pipeline.validate()
    assert read_sessions(pipeline) == ["s-1", "s-2", "s-8", "s-9"]  # the rows of a vanished file stay
    assert counts["raw_events"] == counts["user_events"] == 4


def test_late_rows_are_validated_and_loaded_by_a_run_for_another_hour(pipeline, postgres):
    pipeline.put("a.csv", HEAD + session_lines("s-1") + session_lines("s-2", time="11:00:00"))
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    first = postgres("SELECT event_id, session_id, created_at FROM user_events ORDER BY 2")
    pipeline.put("late.csv", HEAD + session_lines("s-3", time="09:05:00"))
    other = Window(datetime(2019, 10, 1, 11), datetime(2019, 10, 1, 12), HOUR)
    assert pipeline.land(other)["hours_handed_on"] == 1
    pipeline.validate(other)
    assert pipeline.load(other)["hours_loaded"] == 1
    assert [row[0] for row in postgres("SELECT session_id FROM user_events ORDER BY 1")] == ["s-1", "s-2", "s-3"]
    assert first[1] in postgres("SELECT event_id, session_id, created_at FROM user_events")  # 11:00 is untouched


def test_running_everything_again_changes_nothing(pipeline, postgres):
    pipeline.put("a.csv", HEAD + session_lines("s-1", "s-2"))
    for _ in range(2):
        pipeline.land()
        pipeline.validate()
        pipeline.load()
    storage = pipeline.ctx().storage
    versions = {table.name: storage.version(table) for table in tables.ALL}
    events = postgres("SELECT * FROM user_events")
    pipeline.land()
    pipeline.validate()
    assert pipeline.load()["hours_loaded"] == 0
    assert {table.name: storage.version(table) for table in tables.ALL} == versions
    assert postgres("SELECT * FROM user_events") == events


def test_an_hour_without_rows_is_missing_until_later_data_lands_and_empty_afterwards(pipeline):
    pipeline.put("a.csv", HEAD + session_lines("s-1") + session_lines("s-2", time="11:00:00"))
    with pytest.raises(NotArrivedError, match="2019-10-01T12"):
        pipeline.land(Window(datetime(2019, 10, 1, 9), datetime(2019, 10, 1, 13), HOUR))
    assert pipeline.ctx().ledger.hours() == []  # empty hours are derived from the landed rows and not stored
    (day,) = pipeline.ctx().ledger.days()
    assert (day["hours_empty"], day["hours_missing"]) == (10, 14)  # all hours before 11:00 except 09:00


def test_text_reaches_postgres_character_for_character(pipeline, postgres):
    pipeline.copy_cases("c19-copy-text.csv")
    pipeline.land()
    pipeline.validate()
    for _ in range(2):
        pipeline.load()
    brands = [
        "a\\b",
        "tab\tx",
        'quote"x',
        "\\.",
        "\\t",
        "semi;x",
        "'single",
        "$1",
        "{x}",
        "100%",
        "a\\",
        "acme",
        "acme",
    ]
    assert [row[0] for row in postgres("SELECT brand FROM items ORDER BY item_id")] == brands
    assert {row[0] for row in postgres("SELECT session_id FROM user_events WHERE item_id >= 1020")} == {"\\.", "x\\N"}
    assert postgres("SELECT count(*) FROM user_events") == [(13,)]


def test_missing_text_is_null_and_items_are_named_by_brand_and_category_or_by_their_id(pipeline, postgres):
    pipeline.copy_cases("c15-missing-text.csv")
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    found = postgres("SELECT item_id, name, brand, category FROM items ORDER BY item_id")
    assert found == [
        (1001, "smartphone", None, "electronics.smartphone"),
        (1002, "smartphone", None, "electronics.smartphone"),
        (1003, "nan smartphone", "nan", "electronics.smartphone"),
        (1004, "NaN smartphone", "NaN", "electronics.smartphone"),
        (1005, "NA smartphone", "NA", "electronics.smartphone"),
        (1009, "item 1009", None, None),
    ]


def test_an_expectation_that_raises_an_error_stops_the_hour(pipeline, monkeypatch):
    from expectations import Suite, at_most, raw_events

    broken = Suite("raw_events", [at_most("no_such_measure", 0, "a rule about nothing")])
    pipeline.copy_cases("c29-required-only.csv")
    pipeline.land()
    monkeypatch.setattr(raw_events, "suite", lambda settings: broken)
    with pytest.raises(QualityError, match="could not be evaluated"):
        pipeline.validate()
    assert read_sessions(pipeline) == []
    monkeypatch.undo()
    assert pipeline.validate()["warnings"] == 0
    assert pipeline.read(tables.USER_EVENTS).count() == 20


def test_an_unreachable_database_is_reported_in_one_line_without_the_address(pipeline, monkeypatch):
    pipeline.put("a.csv", HEAD + session_lines("s-1"))
    pipeline.land()
    pipeline.validate()
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/shop")
    message = pipeline.expect_refusal(lambda: pipeline.load(OCTOBER_1))
    assert "PostgreSQL cannot be reached" in message
    assert "secret" not in message
    assert "\n" not in message


def test_changed_settings_apply_to_hours_that_are_validated_again(pipeline):

    pipeline.put("a.csv", HEAD + session_lines("s-1") + session_lines("s-2", event_type="cart"))
    pipeline.land()
    pipeline.validate()
    events = pipeline.settings.events.model_copy(update={"allowed_types": ("view",)})
    quality = pipeline.settings.quality.model_copy(update={"max_reject_share": 0.5})
    pipeline.settings = pipeline.settings.model_copy(update={"events": events, "quality": quality})
    pipeline.validate()
    assert read_sessions(pipeline) == ["s-1", "s-2"]
    validate_data_quality.run(pipeline.ctx(again=True), OCTOBER_1)
    assert read_sessions(pipeline) == ["s-1"]
    assert [row.reasons for row in pipeline.read(tables.REJECTED_EVENTS).collect()] == [["event_type_unknown"]]


def test_rejected_rows_are_accepted_once_after_their_file_or_a_rule_is_fixed(pipeline, postgres):
    good = session_lines("s-1") + session_lines("s-2") + session_lines("s-3")
    path = pipeline.put(
        "a.csv", HEAD + good + session_lines("s-4", event_type="VIEW") + session_lines("s-5", event_type="cart")
    )
    strict = pipeline.settings.events.model_copy(update={"allowed_types": ("view",)})
    accepted, loose = pipeline.settings.quality.model_copy(update={"max_reject_share": 0.5}), pipeline.settings
    pipeline.settings = loose.model_copy(update={"quality": accepted, "events": strict})

    def requeue() -> tuple:
        pipeline.land()
        found = validate_data_quality.run(pipeline.ctx(requeue=True), OCTOBER_1)
        pipeline.load()
        loaded_sessions = [session for (session,) in postgres("SELECT session_id FROM user_events ORDER BY 1")]
        assert loaded_sessions == read_sessions(pipeline)
        return len(loaded_sessions), found["rejected_events"]

    assert requeue() == (3, 2)
    path.write_text(path.read_text().replace("VIEW", "view"))
    assert requeue() == (4, 1)
    pipeline.settings = loose
    assert requeue() == (5, 0)
    assert requeue() == (5, 0)
    assert pipeline.values(tables.REJECTED_EVENTS, "raw_text") == []
    assert [line for line in pipeline.messages if line.startswith("requeued")][1:] == [
        "requeued: 2 rejected rows before, 1 now.",
        "requeued: 1 rejected rows before, 0 now.",
        "requeued: 0 rejected rows before, 0 now.",
    ]


def test_dropped_database_tables_are_loaded_again_from_delta_with_the_same_rows(pipeline, postgres):
    pipeline.put(
        "a.csv", HEAD + session_lines("s-1", "s-2") + session_lines("s-3", time="11:00:00", event_type="purchase")
    )
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    content = "SELECT user_id, item_id, event_type, timestamp, session_id, rating, price FROM user_events ORDER BY 5"
    items = "SELECT item_id, name, category, brand, price FROM items ORDER BY 1"
    before = postgres(content), postgres(items)
    postgres("DROP TABLE user_events, items; DROP SCHEMA pipeline CASCADE")
    assert pipeline.load()["hours_loaded"] == 2
    assert (postgres(content), postgres(items)) == before
    assert len(before[0]) == 3
