"""When a day is ready: each hour is loaded or empty, or the limit has passed and there is something to build."""

from datetime import datetime

import pytest

from spark_jobs.errors import NotArrivedError
from spark_jobs.jobs import wait_for_data_collection
from tests.conftest import DAY_1
from tests.events import HEAD, event_line


@pytest.fixture
def load_and_wait(pipeline, postgres, monkeypatch):
    """Return a function that loads one event in each given hour and runs the job at a time on the following day."""

    def load_hours_and_wait(hours, time: str) -> dict:
        if hours:
            pipeline.put("a.csv", HEAD + "".join(event_line(time=f"{hour:02}:30:00") for hour in hours))
            pipeline.land()
            pipeline.validate()
            pipeline.load()
        monkeypatch.setattr(wait_for_data_collection, "now", lambda: datetime.fromisoformat(f"2019-10-02 {time}"))
        return wait_for_data_collection.run(pipeline.ctx(), DAY_1)

    return load_hours_and_wait


def test_an_hour_without_rows_before_later_data_is_empty_and_does_not_delay_the_day(load_and_wait):
    assert load_and_wait([hour for hour in range(24) if hour != 7], "00:05") == {
        "days_complete": 1,
        "days_incomplete": 0,
    }


def test_the_job_waits_for_a_missing_last_hour_until_the_limit(load_and_wait, pipeline):
    with pytest.raises(
        NotArrivedError, match="1 hour is missing of 2019-10-01; waiting for them until 2019-10-02 02:00"
    ):
        load_and_wait(range(23), "01:59")
    assert load_and_wait([], "02:00") == {"days_complete": 0, "days_incomplete": 1}
    assert pipeline.messages == ["incomplete: 1 hour is missing of 2019-10-01; continuing without."]


def test_a_day_without_a_loaded_hour_is_not_ready_even_after_the_limit(load_and_wait):
    with pytest.raises(NotArrivedError, match="no hour of 2019-10-01 is loaded yet"):
        load_and_wait([], "09:00")
