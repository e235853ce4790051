"""Compare an hour with the same hour of the weeks before: missing, rising or drifting values cause warnings only."""

from datetime import datetime
from decimal import Decimal

import pandas as pd
import pytest

from spark_jobs import tables
from spark_jobs.jobs import validate_data_quality
from spark_jobs.ledger.status import window_key
from spark_jobs.settings import load
from spark_jobs.validation import hourly_baseline
from spark_jobs.validation.hours import commit_hours, judge_hours
from spark_jobs.windows import HOUR, Window
from tests.conftest import Pipeline
from tests.events import HEAD, event_line

FRIDAY = datetime(2019, 11, 15, 10)
LIMITS = load().usual
TYPES = ("view", "purchase")
NORMAL = {"view_events": 100, "purchase_events": 40, "reject_share": 0.0, "priced_rows": 100, "price_sum": 1000.0}


def ledger_row(weeks_before: int, **changed) -> dict:
    row = {"hour": FRIDAY - weeks_before * hourly_baseline.WEEK, "raw_rows": 140, "rejected_rows": 0, "reasons": {}}
    return row | {"types": {"view": 100, "purchase": 40}, "mean_price": Decimal(10)} | changed


def compare(known: list[dict], **changed) -> dict[str, float]:
    hours = pd.DataFrame([NORMAL | {"unit": window_key(FRIDAY)} | changed])
    row = hourly_baseline.compare_with_baseline(hours, [], known, TYPES, LIMITS).iloc[0]
    return {name: float(row[name]) for name in measure_names(row)}


def measure_names(row: pd.Series) -> list[str]:
    return [name for name in row.index if name.startswith("usual_") and not name.endswith("_rows")]


@pytest.mark.parametrize(
    ("changed", "measure", "value"),
    [
        ({"purchase_events": 0}, "usual_purchase_share", 0.0),
        ({"view_events": 50}, "usual_view_share", 0.5),
        ({"reject_share": 0.05}, "usual_reject_rise", 0.05),
        ({"price_sum": 2500.0}, "usual_price_drift", 1.5),
        ({"price_sum": 100.0}, "usual_price_drift", 0.9),
    ],
)
def test_an_hour_is_compared_with_the_median_of_the_same_hours_before(changed, measure, value):
    odd = ledger_row(3, types={"view": 100_000, "purchase": 40_000}, mean_price=Decimal(99))
    found = compare([ledger_row(1), ledger_row(2), odd], **changed)
    assert found[measure] == pytest.approx(value)
    rest = {"usual_view_share": 1, "usual_purchase_share": 1, "usual_reject_rise": 0, "usual_price_drift": 0}
    assert {k: v for k, v in found.items() if k != measure} == pytest.approx({k: rest[k] for k in rest if k != measure})


def test_measures_are_null_if_too_few_weeks_or_rows_are_known():
    silent = compare([ledger_row(1), ledger_row(5), ledger_row(2, types=None)], purchase_events=0)
    assert all(pd.isna(value) for value in silent.values())
    few = compare([ledger_row(n, types={"view": 100, "purchase": 29}) for n in (1, 2)], purchase_events=0)
    assert pd.isna(few["usual_purchase_share"]) and few["usual_view_share"] == 1


def test_rows_of_ignored_types_count_neither_as_rejected_nor_as_rows():
    known = [ledger_row(n, raw_rows=240, rejected_rows=100, reasons={"event_type_ignored": 100}) for n in (1, 2)]
    assert compare(known)["usual_reject_rise"] == 0


def test_an_hour_without_its_usual_purchases_causes_a_warning_in_one_run_and_in_two(pipeline):
    """15 November 2019 has no purchases."""
    for week in (2, 1, 0):
        hour = FRIDAY - week * hourly_baseline.WEEK
        kinds = ["view"] * 40 + ["purchase"] * (40 if week else 0)
        lines = (
            event_line(time=f"{hour:%Y-%m-%d %H}:{n % 60:02}:{n // 60:02}", event_type=kind, item_id=n + 1)
            for n, kind in enumerate(kinds)
        )
        pipeline.put(f"{week}.csv", HEAD + "".join(lines))
    pipeline.land()
    warned = "at least 20% of the purchase events that the same hour of the 4 weeks before had' failed"
    span = Window(FRIDAY - 2 * hourly_baseline.WEEK, FRIDAY + HOUR, HOUR)
    for _ in range(2):
        pipeline.messages.clear()
        validate_data_quality.run(pipeline.ctx(again=True), span)
        (line,) = [line for line in pipeline.messages if "weeks before" in line]
        assert warned in line and "2019-11-15T10" in line
        span = Window(FRIDAY, FRIDAY + HOUR, HOUR)  # the second run reads the earlier hours from the ledger
    (row,) = pipeline.read(tables.HOUR_STATUS).where("unit = '2019-11-15T10'").collect()
    assert (row.types["purchase"], row.mean_price) == (0, Decimal("5.0000"))


def test_a_failure_shows_the_usual_number_of_rows():
    hours = pd.DataFrame([NORMAL | {"unit": window_key(FRIDAY)}])
    found = hourly_baseline.compare_with_baseline(
        hours, [], [ledger_row(1), ledger_row(2, types={"view": 300, "purchase": 60})], TYPES, LIMITS
    ).iloc[0]
    assert (found["usual_view_rows"], found["usual_purchase_rows"]) == (200, 50)
    assert pd.isna(hourly_baseline.compare_with_baseline(hours, [], [], TYPES, LIMITS).iloc[0]["usual_view_rows"])


def test_an_hour_that_this_run_stops_or_that_has_no_rows_is_not_part_of_the_baseline():
    weeks = [FRIDAY - n * hourly_baseline.WEEK for n in (3, 2, 1, 0)]
    hours = pd.DataFrame([NORMAL | {"unit": window_key(hour)} for hour in weeks])
    hours.loc[0, "purchase_events"] = 80
    gone = [ledger_row(4, raw_rows=0, types={"view": 0, "purchase": 0}, mean_price=None)]

    def purchase_shares(*stopped: datetime) -> list[float]:
        found = hourly_baseline.compare_with_baseline(
            hours, {window_key(hour) for hour in stopped}, gone, TYPES, LIMITS
        )
        return list(found["usual_purchase_share"].astype(float))

    assert purchase_shares()[2:] == pytest.approx([40 / 60, 1])
    assert purchase_shares(weeks[0])[3] == 1 and pd.isna(purchase_shares(weeks[0])[2])


def put_week(pipeline, number: int, kinds: list[str], broken: int = 0, price: float = 5) -> None:
    """Write a file for the hour `number` weeks before FRIDAY; `broken` additional rows have a negative price."""
    hour = FRIDAY - number * hourly_baseline.WEEK
    lines = [
        event_line(time=f"{hour:%Y-%m-%d %H}:{n % 60:02}:{n // 60:02}", event_type=kind, item_id=n + 1, price=price)
        for n, kind in enumerate(kinds)
    ]
    lines += [event_line(time=f"{hour:%Y-%m-%d %H}:59:{n:02}", item_id=n + 1, price=-1) for n in range(broken)]
    pipeline.put(f"{number}.csv", HEAD + "".join(lines))


@pytest.mark.parametrize("accepted", [None, "known"])
def test_one_run_over_a_month_warns_like_one_run_per_hour_if_an_hour_is_stopped(spark, tmp_path, database, accepted):
    """The hour three weeks before has many purchases, and so many rejected rows that it is stopped."""
    good = ["view"] * 40 + ["purchase"] * 40
    found = []
    for name, in_one in (("one", True), ("hourly", False)):
        (tmp_path / name).mkdir()
        pipeline = Pipeline(spark, tmp_path / name, database)
        put_week(pipeline, 3, ["view"] * 200 + ["purchase"] * 200, broken=60, price=100)
        put_week(pipeline, 2, good)
        put_week(pipeline, 1, ["view"] * 40 + ["purchase"] * 30, price=9.9999)
        put_week(pipeline, 0, ["view"] * 40 + ["purchase"] * 7, broken=3, price=20.25)
        pipeline.land()
        hours = [FRIDAY - number * hourly_baseline.WEEK for number in (3, 2, 1, 0)]
        spans = (
            [Window(hours[0], FRIDAY + HOUR, HOUR)] if in_one else [Window(hour, hour + HOUR, HOUR) for hour in hours]
        )
        for span in spans:
            states = [state for state in pipeline.ctx().ledger.states() if state.dirty and state.within(span)]
            commit_hours(pipeline.ctx(), judge_hours(pipeline.ctx(), states, accepted), accepted)
        found.append(pipeline.values(tables.HOUR_STATUS, "unit", "status", "warnings"))
    assert found[0] == found[1]
    status = {state: status for state, status, _ in found[0]}
    assert status["2019-10-25T10"] == ("committed" if accepted else "stopped")
    (warnings,) = [warnings for state, _, warnings in found[0] if state == "2019-11-15T10"]
    purchases = [text for text in warnings if "purchase events that the same hour" in text]
    assert [text.rpartition(": ")[2] for text in purchases] == (["7 of 40 rows"] if accepted else [])
    assert any("a mean price within" in text for text in warnings)
