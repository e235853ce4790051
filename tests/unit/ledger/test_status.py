"""Status of hours and days, derived from ledger rows that are written out here."""

from datetime import date, datetime

from spark_jobs.flow import LAST_DAY_STEP
from spark_jobs.ledger.status import (
    NO_CONTENT,
    HourKind,
    HourState,
    classify_days,
    day_inputs,
    day_status,
    latest_hour,
    missing_hours,
    states,
    window_key,
)
from spark_jobs.windows import HOUR, Window

DAY = date(2019, 10, 1)


def hour(number: int) -> datetime:
    return datetime(2019, 10, 1, number)


def file_row(file_id: int, *parts: tuple[datetime | None, int, int]) -> dict:
    """Return the ledger row of a file that has landed rows: (hour, rows, digest)."""
    hours = [{"hour": h, "unfinished": False, "rows": rows, "low": low, "high": 0} for h, rows, low in parts]
    return {"file_id": file_id, "hours": hours}


def hour_row(key: str, moment: datetime | None, status: str, digest: str, valid: int = 1, rejected: int = 0) -> dict:
    counts = {"valid_rows": valid, "rejected_rows": rejected, "content_digest": f"c-{digest}"}
    return {"unit": key, "hour": moment, "status": status, "raw_digest": digest} | counts


def day_build(source: str, status: str = "built") -> dict:
    return {"step": LAST_DAY_STEP.name, "day": DAY, "status": status, "counts": {"source": source}}


def test_an_hour_adds_up_the_rows_of_its_files_and_undated_rows_stay_with_their_file():
    found = states([file_row(1, (hour(9), 2, 10), (None, 1, 5)), file_row(2, (hour(9), 3, 20), (hour(8), 1, 1))], [])
    assert [(state.window_key, state.landed_rows, state.landed_digest) for state in found] == [
        ("2019-10-01T08", 1, "1:1:0"),
        ("2019-10-01T09", 5, "5:30:0"),
        ("undated:1", 1, "1:5:0"),
    ]
    assert all(state.dirty for state in found)


def test_an_hour_is_dirty_until_the_content_that_landed_was_validated():
    files = [file_row(1, (hour(8), 1, 1), (hour(9), 1, 2))]
    ledger = [
        hour_row("2019-10-01T08", hour(8), "loaded", "1:1:0"),
        hour_row("2019-10-01T09", hour(9), "loaded", "1:7:0"),
    ]
    assert [state.dirty for state in states(files, ledger)] == [False, True]


def test_an_hour_whose_rows_are_gone_is_dirty_until_it_was_validated_as_empty():
    assert states([], [hour_row("2019-10-01T08", hour(8), "loaded", "1:1:0")])[0].dirty
    assert not states([], [hour_row("2019-10-01T08", hour(8), "empty", NO_CONTENT, valid=0)])[0].dirty


def test_a_day_is_complete_when_each_of_its_hours_is_loaded_or_empty():
    rows = [hour_row(window_key(hour(n)), hour(n), "loaded", f"1:{n}:0") for n in range(22)]
    rows.append(hour_row(window_key(hour(22)), hour(22), "loaded", NO_CONTENT, valid=0))  # its rows are gone
    files = [file_row(1, *((hour(n), 1, n) for n in range(22)))]
    status = day_status(states(files, rows), [], hour(23))[0]
    assert (status["hours_loaded"], status["hours_empty"], status["hours_missing"]) == (22, 1, 1)
    assert not status["complete"] and not status["built"] and not status["dirty"]
    assert day_status(states(files, rows), [], hour(23) + HOUR)[0]["complete"]


def test_an_hour_without_rows_is_empty_only_before_the_latest_hour_that_landed():
    files = [file_row(1, (hour(3), 1, 1), (hour(20), 1, 2))]
    found = states(files, [])
    assert latest_hour(found, until=hour(23)) == hour(20)
    assert latest_hour(found, until=hour(19)) == hour(3)  # the other one lies in the future
    assert latest_hour(found, until=hour(1)) is None
    whole = Window(hour(0), hour(0) + 24 * HOUR, HOUR)
    assert missing_hours(found, whole, hour(20)) == [Window(hour(21), hour(0) + 24 * HOUR, HOUR)]
    assert missing_hours(found, whole, hour(3)) == [
        Window(hour(4), hour(20), HOUR),
        Window(hour(21), hour(0) + 24 * HOUR, HOUR),
    ]
    assert missing_hours(found, Window(hour(0), hour(21), HOUR), hour(20)) == []
    assert missing_hours([], Window(hour(2), hour(4), HOUR), None) == [Window(hour(2), hour(4), HOUR)]


def test_finding_missing_hours_takes_time_by_the_number_of_rows_and_not_of_hours():
    centuries = Window(datetime(1000, 1, 1), datetime(9000, 1, 1), HOUR)
    found = states([file_row(1, (datetime(2000, 1, 1), 1, 1), (hour(9), 1, 2))], [])
    assert missing_hours(found, centuries, hour(9)) == [Window(hour(10), centuries.end, HOUR)]
    assert [row["day"].year for row in day_status(found, [], hour(9))] == [2000, 2019]


def test_a_committed_or_stopped_hour_is_missing_and_a_stopped_one_is_also_counted_as_stopped():
    files = [file_row(1, (hour(1), 1, 1), (hour(2), 1, 2))]
    rows = [hour_row(window_key(hour(1)), hour(1), "committed", "1:1:0")]
    rows.append(hour_row(window_key(hour(2)), hour(2), "stopped", "1:2:0", valid=0))
    status = day_status(states(files, rows), [], None)[0]
    assert (status["hours_loaded"], status["hours_stopped"], status["hours_missing"]) == (0, 1, 24)


def test_each_hour_of_a_day_is_of_exactly_one_kind():
    files = [file_row(1, *((hour(n), 1, n) for n in range(1, 6)))]
    rows = [
        hour_row(window_key(hour(1)), hour(1), "loaded", "1:1:0"),
        hour_row(window_key(hour(2)), hour(2), "stopped", "1:2:0", valid=0),
        hour_row(window_key(hour(3)), hour(3), "committed", "1:3:0"),
        hour_row(window_key(hour(4)), hour(4), "loaded", "another digest"),  # rows landed after it was loaded
    ]
    kinds = classify_days(states(files, rows), hour(5))[DAY]
    assert kinds[:3] == [HourKind.EMPTY, HourKind.LOADED, HourKind.STOPPED]
    assert kinds[3:6] == [HourKind.LATE] * 3  # not in PostgreSQL, changed, never validated
    assert kinds[6:] == [HourKind.MISSING] * 18


def test_a_built_day_is_dirty_if_an_hour_changed_or_the_day_was_built_from_other_content():
    files, rows = [file_row(1, (hour(1), 1, 1))], [hour_row(window_key(hour(1)), hour(1), "loaded", "1:1:0")]
    source = day_inputs(states(files, rows))[DAY]
    assert not day_status(states(files, rows), [day_build(source)], hour(1))[0]["dirty"]
    assert day_status(states(files, rows), [day_build("something else")], hour(1))[0]["dirty"]
    late = [*files, file_row(2, (hour(1), 1, 5))]
    assert day_status(states(late, rows), [day_build(source)], hour(1))[0]["dirty"]
    assert not day_status(states(late, rows), [day_build(source, "stopped")], hour(1))[0]["built"]


def test_the_input_of_a_day_is_the_content_of_its_hours_in_any_order():
    a = HourState("2019-10-01T01", hour(1), None, 1, "1:1:0", "loaded", "1:1:0", 1, 0, "x")
    b = HourState("2019-10-01T02", hour(2), None, 1, "1:2:0", "loaded", "1:2:0", 1, 0, "y")
    empty = HourState("2019-10-01T03", hour(3), None, 0, NO_CONTENT, "empty", NO_CONTENT)
    assert day_inputs([a, b]) == day_inputs([b, empty, a])
    assert day_inputs([a]) != day_inputs([a, b])
