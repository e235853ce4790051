"""An event type that the settings add, on a warehouse with history: it reaches every table, and old days stay."""

import copy
from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.commands import rebuild
from spark_jobs.errors import SettingsError
from spark_jobs.jobs import create_user_item_matrix, feature_engineering, validate_data_quality
from spark_jobs.report import facts
from spark_jobs.sample import Span, generate
from spark_jobs.settings import load
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.events import HEAD, event_line

START = datetime(2019, 10, 1)
DAYS = [Window(START + n * DAY, START + (n + 1) * DAY, DAY) for n in range(3)]
ADMIT = "quality.max_reject_share=1"  # a quiet hour has few other rows
WISHLIST = "events.types.wishlist={weight=2, funnel=2}"
USER, ITEM = 77, 1001


def wish(day: int, hour: int, item: int = ITEM) -> str:
    time = f"2019-10-0{day} {hour:02}:30:00"
    return event_line(time=time, event_type="wishlist", item_id=item, category_id=501, user_id=USER)


def run_days(pipeline: Pipeline, *days: Window) -> list[dict]:
    hours = Window(days[0].start, days[-1].end, HOUR)
    pipeline.land()
    validate_data_quality.run(pipeline.ctx(requeue=True), hours)
    return pipeline.run_daily(Window(days[0].start, days[-1].end, DAY))


def reopen(pipeline: Pipeline, *settings: str) -> Pipeline:
    """Return the same warehouse with other settings."""
    other = copy.copy(pipeline)
    other.settings = pipeline.settings.model_copy(update={"events": load(settings).events})
    return other


@pytest.fixture(scope="module")
def grown(spark, tmp_path_factory, database) -> tuple[Pipeline, list[list[dict]]]:
    """Build two days without the type, add it by one setting, run again, then add a third day."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("wishlist"), database, ADMIT)
    for day in DAYS[:2]:
        generate(Span(400, 24, day.start), pipeline.raw, seed=5, ratings=True)
    pipeline.put("wishes.csv", HEAD + wish(2, 10) + wish(2, 12) + wish(2, 14, item=1002))
    results = [run_days(pipeline, *DAYS[:2])]
    assert pipeline.values(tables.REJECTED_EVENTS, "reasons") == [(["event_type_unknown"],)] * 3
    pipeline = reopen(pipeline, WISHLIST)
    results.append(run_days(pipeline, *DAYS[:2]))
    generate(Span(400, 24, DAYS[2].start), pipeline.raw, seed=5, further=["wishlist"])
    pipeline.put("more.csv", HEAD + wish(3, 12))
    results.append(run_days(pipeline, DAYS[2]))
    return pipeline, results


def test_only_days_with_events_of_the_type_are_built_again(grown):
    _, (before, added, further) = grown
    assert [result["days_built"] for result in before[:2]] == [2, 2]
    assert [result["days_built"] for result in added[:2]] == [1, 1]
    assert [result["days_built"] for result in further[:2]] == [1, 1]
    # Another weight is another matrix. The third day then extends it.
    assert [result["days_added"] for result in added[2:]] == ["all", "all"]
    assert [result["days_added"] for result in further[2:]] == [1, 1]


def test_the_type_is_counted_scored_and_part_of_the_totals(grown):
    pipeline, _ = grown
    events = pipeline.read(tables.CLEANED_EVENTS).toPandas()
    weights = pipeline.settings.events.weights
    assert (events.event_type == "wishlist").sum() > 4  # generated ones too
    counted = pipeline.read(tables.INTERACTIONS).toPandas()
    assert counted[counted.event_date == DAYS[0].start.date()].wishlist_count.isna().all()
    assert counted.wishlist_count.sum() == (events.event_type == "wishlist").sum()
    scores = events.assign(score=events.event_type.map(weights)).groupby(["user_id", "item_id"]).score.sum()
    cells = pipeline.read(tables.USER_ITEM_MATRIX).toPandas().set_index(["user_id", "item_id"]).score
    assert cells.to_dict() == scores.to_dict()
    assert (cells[USER, ITEM], cells[USER, 1002]) == (6.0, 2.0)
    for table, key in ((tables.USER_FEATURES, "user_id"), (tables.ITEM_FEATURES, "item_id")):
        frame = pipeline.read(table).toPandas().set_index(key)
        assert frame.total_events.to_dict() == events.groupby(key).size().to_dict()
        assert list(frame.reset_index().columns) == table.columns  # the feature tables keep their columns
    user = pipeline.read(tables.USER_FEATURES).where(f"user_id = {USER}").first()
    assert [entry.asDict() for entry in user.category_preference] == [{"category_id": 501, "share": 1.0}]


def test_the_report_shows_the_type_and_its_place_in_the_funnel(grown):
    pipeline, _ = grown
    ctx = pipeline.ctx()
    events = pipeline.read(tables.CLEANED_EVENTS).toPandas()
    reach = facts.count_users(ctx)["reach"]
    assert list(reach) == ["view", "cart", "wishlist", "purchase"]
    for kind, users in reach.items():
        assert users == events[events.event_type == kind].user_id.nunique()
    valid = pipeline.read(tables.USER_EVENTS).toPandas().event_type.value_counts()
    assert facts.count_hours(ctx)["types"] == valid.to_dict()


def test_a_repeated_build_gives_the_same_rows(grown):
    pipeline, _ = grown
    for day in DAYS[1:]:
        lines = list(rebuild.rebuild(pipeline.ctx(), day.start))
        assert len([line for line in lines if "the same" in line]) >= 4
        assert not [line for line in lines if "fixed" in line]


def test_a_type_that_has_events_must_stay_declared(grown):
    pipeline, _ = grown
    forgotten = reopen(pipeline)
    for job in (create_user_item_matrix, feature_engineering):
        with pytest.raises(SettingsError, match=r"events\.types: wishlist is missing, but daily_interactions counts"):
            job.run(forgotten.ctx(), DAYS[2])
    refused = reopen(pipeline, WISHLIST, "events.allowed_types=['view', 'cart', 'rating', 'purchase']")
    assert create_user_item_matrix.run(refused.ctx(), DAYS[2])["unchanged"]
