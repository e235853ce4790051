"""The calendar of hours and the runs of the report, from rows of the ledger that are written out here."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from spark_jobs.ledger.status import HourKind, HourState, window_key
from spark_jobs.report.history import MOST_DAYS, MOST_RUNS, add_run, build_calendar

FIRST = datetime(2019, 10, 1, 5)


def loaded(hour: datetime, rows: int = 3) -> HourState:
    digest = f"{rows}:1:1"
    return HourState(window_key(hour), hour, None, rows, digest, "loaded", digest, rows, 0, "content")


def hour_row(minute: int, valid: int, rejected: int, mean_price: str | None) -> dict:
    price = Decimal(mean_price) if mean_price else None
    updated = datetime(2019, 10, 2, 0, minute)
    return {"updated_at": updated, "valid_rows": valid, "rejected_rows": rejected, "mean_price": price}


def test_the_calendar_has_each_day_with_rows_and_one_line_for_the_days_between():
    found = build_calendar([loaded(FIRST), loaded(FIRST + timedelta(hours=2), 4), loaded(FIRST + timedelta(days=3))])
    first, second = found["days"]
    assert (first["day"], first["rows"], first["gap"]) == ("2019-10-01", 7, None)
    assert first["hours"] == [HourKind.LOADED if hour in (5, 7) else HourKind.EMPTY for hour in range(24)]
    assert (second["day"], second["rows"]) == ("2019-10-04", 3)
    assert second["gap"] == "2019-10-02 to 2019-10-03: no rows (2 days)"
    assert second["hours"] == [HourKind.EMPTY] * 5 + [HourKind.LOADED] + [HourKind.MISSING] * 18
    assert found["earlier"] == 0


def test_the_calendar_shows_the_latest_days_and_counts_the_earlier_ones():
    found = build_calendar([loaded(FIRST + timedelta(days=number)) for number in range(MOST_DAYS + 5)])
    assert (len(found["days"]), found["earlier"]) == (MOST_DAYS, 5)
    assert found["days"][-1]["day"] == str(date(2019, 10, 1) + timedelta(days=MOST_DAYS + 4))
    assert build_calendar([]) == {"days": [], "earlier": 0}


def test_a_run_has_the_hours_that_changed_since_the_run_before():
    hours = [hour_row(0, 30, 10, "2.0000"), hour_row(1, 10, 0, "6.0000"), hour_row(2, 5, 5, None)]
    (first,) = add_run(hours, {"extract_events": 1.5, "load_to_database": 2.0}, [])
    assert (first["hours"], first["rows"], first["rejected"], first["seconds"]) == (3, 60, 15, 3.5)
    assert first["mean_price"] == 3.0  # (30 × 2 + 10 × 6) / 40
    hours[0] = hour_row(7, 31, 9, "4.0000")
    both = add_run(hours, {"extract_events": 0.5}, [first])
    assert both[0] == first
    assert [both[1][name] for name in ("hours", "rows", "rejected", "mean_price")] == [1, 40, 9, 4.0]
    assert add_run(hours, {"extract_events": 9.0}, both) == both


def test_a_run_without_prices_has_no_mean_price_and_old_runs_are_dropped():
    runs: list[dict] = []
    for minute in range(MOST_RUNS + 2):
        runs = add_run([hour_row(minute, 1, 0, None)], {}, runs)
    assert len(runs) == MOST_RUNS
    assert runs[0]["until"] == "2019-10-02T00:02:00" and runs[0]["mean_price"] is None
    assert add_run([], {}, []) == []
