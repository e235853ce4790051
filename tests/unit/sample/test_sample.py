"""The sample generator: the same seed gives the same bytes, and its figures are close to the published ones."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.errors import PipelineError
from spark_jobs.sample import Span, generate
from spark_jobs.sample.figures import compute_figures

OCTOBER = datetime(2019, 10, 1)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_other_bytes(tmp_path):
    paths = [
        generate(Span(20_000, 48, OCTOBER), tmp_path / f"{name}.csv", seed=seed)[0]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other
    assert first.count(b"\n") == 20_001


def test_rows_are_sorted_by_time_lie_within_the_span_and_have_the_format_of_kaggle(tmp_path):
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


def test_ratings_are_in_a_separate_column(tmp_path):
    path = generate(Span(5_000, 24, OCTOBER), tmp_path, seed=1, ratings=True)[0]
    header, *lines = path.read_text().splitlines()
    rated = [line for line in lines if ",rating," in line]
    assert header.endswith(",rating")
    assert {line.rpartition(",")[2] for line in rated} == {"", "1", "2", "3", "4", "5"}


def test_the_figures_are_close_to_the_published_ones(tmp_path):
    _, events, shop = generate(Span(200_000, 168, OCTOBER), tmp_path, seed=1)
    here = {what: [float(part) for part in value.split("/")] for what, _, value in compute_figures(events, shop)}
    published = {what: [float(part) for part in value.split("/")] for what, value, _ in compute_figures(events, shop)}
    loose = {
        "price p1/p10/p25/p50/p75/p90/p99": 0.25,
        "exact duplicates, %": 0.5,
        "price 0, %": 0.3,
        "busiest / quietest hour, %": 0.5,
    }
    for what, values in published.items():
        assert here[what] == pytest.approx(values, rel=loose.get(what, 0.2)), what


@pytest.mark.parametrize(("rows", "days"), [(0, 1), (10, 0), (10**12, 1)])
def test_impossible_counts_are_refused(tmp_path, rows, days):
    with pytest.raises(PipelineError, match=r"ROWS|DAYS"):
        generate(Span(rows, days * 24, OCTOBER), tmp_path, seed=1)


@pytest.mark.parametrize(("seed", "taste", "says"), [(-1, 0, "SEED=-1"), (1, -1, "TASTE=-1"), (1, 10**9, "TASTE=")])
def test_a_seed_or_taste_out_of_range_is_refused_by_name(tmp_path, seed, taste, says):
    with pytest.raises(PipelineError, match=f"{says}.*must lie between 0 and"):
        generate(Span(100, 1), tmp_path, seed, taste=taste)
    assert not list(tmp_path.iterdir())
