"""When a day is ready: each hour loaded or empty, or the limit has passed and there is something to build."""

from datetime import datetime

import pytest

from spark_jobs.errors import NotArrivedError
from spark_jobs.jobs import wait_for_data_collection
from tests.conftest import DAY_1, HEAD

ROW = "2019-10-01 {hour:02}:30:00 UTC,view,1001,2053013555631882655,electronics.smartphone,acme,10.00,501,s-1\n"


@pytest.fixture
def waits(pipeline, postgres, monkeypatch):
    """Loads one event in each of these hours, then asks at this time on the following day."""

    def ask(hours, time: str) -> dict:
        if hours:
            pipeline.put("a.csv", HEAD + "".join(ROW.format(hour=hour) for hour in hours))
            pipeline.land()
            pipeline.judge()
            pipeline.load()
        monkeypatch.setattr(wait_for_data_collection, "now", lambda: datetime.fromisoformat(f"2019-10-02 {time}"))
        return wait_for_data_collection.run(pipeline.ctx(), DAY_1)

    return ask


def test_an_hour_without_rows_before_later_data_is_empty_and_holds_up_nothing(waits):
    assert waits([hour for hour in range(24) if hour != 7], "00:05") == {"days_complete": 1, "days_incomplete": 0}


def test_a_last_hour_that_has_not_arrived_is_waited_for_until_the_limit(waits, pipeline):
    with pytest.raises(
        NotArrivedError, match="1 hour is missing of 2019-10-01; waiting for them until 2019-10-02 02:00"
    ):
        waits(range(23), "01:59")
    assert waits([], "02:00") == {"days_complete": 0, "days_incomplete": 1}
    assert pipeline.said == ["incomplete: 1 hour is missing of 2019-10-01; continuing without."]


def test_a_day_without_a_loaded_hour_is_nothing_to_go_on_with(waits):
    with pytest.raises(NotArrivedError, match="no hour of 2019-10-01 is loaded yet"):
        waits([], "09:00")
