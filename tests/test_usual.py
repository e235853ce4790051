"""An hour beside the same hour of the weeks before it: what is missing, rising or drifting is a warning, no more."""

from datetime import datetime
from decimal import Decimal

import pandas as pd
import pytest

from spark_jobs import tables, usual
from spark_jobs.jobs import validate_data_quality
from spark_jobs.settings import load
from spark_jobs.states import unit_name
from spark_jobs.windows import HOUR, Window
from tests.conftest import HEAD

FRIDAY = datetime(2019, 11, 15, 10)
LIMITS = load().usual
TYPES = ("view", "purchase")
NORMAL = {"view_rows": 100, "purchase_rows": 40, "reject_share": 0.0, "priced_rows": 100, "price_sum": 1000.0}


def ledger(weeks_before: int, **changed) -> dict:
    row = {"hour": FRIDAY - weeks_before * usual.WEEK, "raw_rows": 140, "rejected_rows": 0, "reasons": {}}
    return row | {"types": {"view": 100, "purchase": 40}, "mean_price": Decimal(10)} | changed


def judged(known: list[dict], **changed) -> dict[str, float]:
    hours = pd.DataFrame([NORMAL | {"unit": unit_name(FRIDAY)} | changed])
    row = usual.beside(hours, known, TYPES, LIMITS).iloc[0]
    return {name: float(row[name]) for name in hours_of(row)}


def hours_of(row: pd.Series) -> list[str]:
    return [name for name in row.index if name.startswith("usual_")]


@pytest.mark.parametrize(
    ("changed", "measure", "value"),
    [
        ({"purchase_rows": 0}, "usual_purchase_share", 0.0),
        ({"view_rows": 50}, "usual_view_share", 0.5),
        ({"reject_share": 0.05}, "usual_reject_rise", 0.05),
        ({"price_sum": 2500.0}, "usual_price_drift", 1.5),
        ({"price_sum": 100.0}, "usual_price_drift", 0.9),
    ],
)
def test_an_hour_is_measured_by_the_median_of_its_like(changed, measure, value):
    odd = ledger(3, types={"view": 100_000, "purchase": 40_000}, mean_price=Decimal(99))
    found = judged([ledger(1), ledger(2), odd], **changed)
    assert found[measure] == pytest.approx(value)
    rest = {"usual_view_share": 1, "usual_purchase_share": 1, "usual_reject_rise": 0, "usual_price_drift": 0}
    assert {k: v for k, v in found.items() if k != measure} == pytest.approx({k: rest[k] for k in rest if k != measure})


def test_nothing_is_said_where_too_little_is_known():
    silent = judged([ledger(1), ledger(5), ledger(2, types=None)], purchase_rows=0)
    assert all(pd.isna(value) for value in silent.values())
    few = judged([ledger(n, types={"view": 100, "purchase": 29}) for n in (1, 2)], purchase_rows=0)
    assert pd.isna(few["usual_purchase_share"]) and few["usual_view_share"] == 1


def test_rows_of_ignored_types_count_on_neither_side():
    known = [ledger(n, raw_rows=240, rejected_rows=100, reasons={"event_type_ignored": 100}) for n in (1, 2)]
    assert judged(known)["usual_reject_rise"] == 0


def test_an_hour_without_its_usual_purchases_is_a_warning_in_one_go_and_in_two(pipeline):
    """The fifteenth of November 2019 has no purchase at all."""
    for week in (2, 1, 0):
        hour = FRIDAY - week * usual.WEEK
        kinds = ["view"] * 40 + ["purchase"] * (40 if week else 0)
        lines = (
            f"{hour:%Y-%m-%d %H}:{n % 60:02}:{n // 60:02} UTC,{kind},{n + 1},77,,,5,501,s"
            for n, kind in enumerate(kinds)
        )
        pipeline.put(f"{week}.csv", HEAD + "\n".join(lines) + "\n")
    pipeline.land()
    warned = "at least 20% of the purchase events that the same hour of the 4 weeks before had' failed"
    span = Window(FRIDAY - 2 * usual.WEEK, FRIDAY + HOUR, HOUR)
    for _ in range(2):
        pipeline.said.clear()
        validate_data_quality.run(pipeline.ctx(again=True), span)
        (line,) = [line for line in pipeline.said if "weeks before" in line]
        assert warned in line and "2019-11-15T10" in line
        span = Window(FRIDAY, FRIDAY + HOUR, HOUR)  # then that hour alone, from what the ledger knows
    (row,) = pipeline.read(tables.HOUR_STATUS).where("unit = '2019-11-15T10'").collect()
    assert (row.types["purchase"], row.mean_price) == (0, Decimal("5.0000"))
