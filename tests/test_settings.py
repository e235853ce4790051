"""Settings and windows: typed, and refused by name."""

from datetime import datetime

import pytest

from spark_jobs.errors import SettingsError
from spark_jobs.settings import load
from spark_jobs.windows import DAY, HOUR, Window, describe, parse, ranges

NOW = datetime(2026, 11, 25, 5, 42)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("paths.rwa=x", "unknown setting paths.rwa"),
        ("quality.max_reject_share='much'", "quality.max_reject_share must be float"),
        ("quality.max_reject_share=2", "between 0 and 1"),
        ("matrix.weights.view='1'", "matrix.weights.view must be float"),
        ("events.allowed_types=['click']", "unknown event type click"),
        ("nothing", "write it as section.key=value"),
        ("features.price_range.mid=20.0", "must rise"),
        ("paths.warehouse='/tmp/`x`'", "takes no address with a `"),
        ("retention.rebuild_days=60", "between 7 and 29"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(override, says):
    with pytest.raises(SettingsError, match=says):
        load([override])


def test_a_folder_may_be_called_by_digits():
    assert load(["paths.warehouse=2019"]).paths.warehouse.endswith("/2019")


def test_a_missing_key_is_refused_by_name(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[paths]\nraw = 'x'\n")
    with pytest.raises(SettingsError, match="setting schema is missing"):
        load(file=file)


@pytest.mark.parametrize(
    ("start", "end", "unit", "expected"),
    [
        (None, None, HOUR, (datetime(2026, 11, 25, 4), datetime(2026, 11, 25, 5))),
        (None, None, DAY, (datetime(2026, 11, 24), datetime(2026, 11, 25))),
        ("2019-10-01T05:30:00Z", None, HOUR, (datetime(2019, 10, 1, 5), datetime(2019, 10, 1, 6))),
        ("2019-10-01", "2019-10-01T00:00:01+00:00", HOUR, (datetime(2019, 10, 1), datetime(2019, 10, 1, 1))),
        ("2019-10-01T05", "2019-10-03", DAY, (datetime(2019, 10, 1), datetime(2019, 10, 3))),
    ],
)
def test_an_instant_inside_a_unit_means_that_unit(start, end, unit, expected):
    window = parse(start, end, unit, NOW)
    assert (window.start, window.end) == expected


@pytest.mark.parametrize(
    ("start", "end"), [("2019-13-01", None), ("x", None), ("2019-10-02", "2019-10-01"), (None, "2019-10-01")]
)
def test_a_window_that_is_none_is_refused(start, end):
    with pytest.raises(SettingsError):
        parse(start, end, HOUR, NOW)


def test_hours_are_joined_into_the_fewest_ranges_and_named():
    hours = [datetime(2019, 10, 1, hour) for hour in (2, 5, 6, 7)]
    assert [(part.start.hour, part.end.hour) for part in ranges(hours, HOUR)] == [(2, 3), (5, 8)]
    assert describe(hours, HOUR) == "2019-10-01T02, 2019-10-01T05 to 2019-10-01T07"
    assert len(Window(datetime(2019, 10, 1), datetime(2019, 10, 2), HOUR).units()) == 24
