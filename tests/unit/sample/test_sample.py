"""The generator: the same bytes for the same seed, and how close it comes to the published figures."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.errors import PipelineError
from spark_jobs.sample import Span, generate
from spark_jobs.sample.figures import figures

OCTOBER = datetime(2019, 10, 1)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    paths = [
        generate(Span(20_000, 48, OCTOBER), tmp_path / f"{name}.csv", seed=seed)[0]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other
    assert first.count(b"\n") == 20_001


def test_rows_are_in_order_of_time_within_the_span_and_in_kaggles_form(tmp_path):
    path = generate(Span(5_000, 48, OCTOBER), tmp_path, seed=1)[0]
    header, *lines = path.read_text().splitlines()
    assert header == "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    times = [line.partition(",")[0] for line in lines]
    assert times == sorted(times)
    assert times[0] >= "2019-10-01 00:00:00 UTC" and times[-1] < "2019-10-03"
    assert {line.count(",") for line in lines} == {8}


def test_without_a_start_the_sample_ends_at_the_last_full_hour(tmp_path):
    path = generate(Span(5_000, 24), tmp_path, seed=1)[0]
    last = datetime.fromisoformat(path.read_text().splitlines()[-1][:19])
    full = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    assert full - timedelta(hours=2) <= last < full


def test_ratings_come_in_a_column_of_their_own(tmp_path):
    path = generate(Span(5_000, 24, OCTOBER), tmp_path, seed=1, ratings=True)[0]
    header, *lines = path.read_text().splitlines()
    rated = [line for line in lines if ",rating," in line]
    assert header.endswith(",rating")
    assert {line.rpartition(",")[2] for line in rated} == {"", "1", "2", "3", "4", "5"}


def test_the_figures_come_close_to_the_published_ones(tmp_path):
    _, events, shop = generate(Span(200_000, 168, OCTOBER), tmp_path, seed=1)
    here = {what: [float(part) for part in value.split("/")] for what, _, value in figures(events, shop)}
    published = {what: [float(part) for part in value.split("/")] for what, value, _ in figures(events, shop)}
    loose = {
        "price p1/p10/p25/p50/p75/p90/p99": 0.25,
        "exact duplicates, %": 0.5,
        "price 0, %": 0.3,
        "busiest / quietest hour, %": 0.5,
    }
    for what, values in published.items():
        assert here[what] == pytest.approx(values, rel=loose.get(what, 0.2)), what


@pytest.mark.parametrize(("rows", "days"), [(0, 1), (10, 0), (10**12, 1)])
def test_counts_that_make_no_sense_are_refused(tmp_path, rows, days):
    with pytest.raises(PipelineError, match=r"ROWS|DAYS"):
        generate(Span(rows, days * 24, OCTOBER), tmp_path, seed=1)


@pytest.mark.parametrize(("seed", "taste", "says"), [(-1, 0, "SEED=-1"), (1, -1, "TASTE=-1"), (1, 10**9, "TASTE=")])
def test_a_number_that_no_sample_can_have_is_refused_by_name(tmp_path, seed, taste, says):
    with pytest.raises(PipelineError, match=f"{says}.*must lie between 0 and"):
        generate(Span(100, 1), tmp_path, seed, taste=taste)
    assert not list(tmp_path.iterdir())
