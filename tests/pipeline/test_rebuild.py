"""A day's outputs once more, from the versions of the tables that they were built from."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.command_line import leased
from spark_jobs.commands.rebuild import rebuild
from spark_jobs.delta.files import vacuum
from spark_jobs.flow import Writer
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.torture.digests import digests
from tests.unfenced import unfenced

FIRST, SECOND = datetime(2019, 10, 1), datetime(2019, 10, 2)
BOTH = Window(FIRST, SECOND + DAY, DAY)
DAY_2 = "event_date = DATE '2019-10-02'"
OF_A_DAY = ("deduped_events", "cleaned_events", "daily_interactions", "daily_items")
SNAPSHOTS = ("user_item_matrix", "item_sums", "user_features", "item_features")


def again(pipeline, day: datetime) -> list[str]:
    with leased(pipeline.settings, pipeline.spark, Writer) as ctx:
        return list(rebuild(ctx, day))


def state(pipeline) -> dict:
    found = digests(pipeline.spark, pipeline.settings.paths.warehouse, lambda sql: [])
    return {name: found[name] for name in (*OF_A_DAY, *SNAPSHOTS)}


@pytest.fixture(scope="module")
def built(spark, tmp_path_factory, database):
    """Two days, built; a test leaves the outputs as it found them."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("rebuild"), database)
    for day in (FIRST, SECOND):
        generate(Span(400, 24, day), pipeline.raw, seed=5, ratings=True)
    pipeline.land()
    pipeline.judge(Window(FIRST, SECOND + DAY, HOUR))
    pipeline.daily(BOTH)
    return pipeline


@pytest.mark.long
def test_a_day_built_again_is_the_same_and_a_damaged_one_is_put_right(built):
    undisturbed, storage = state(built), built.ctx().storage
    versions = {table.name: storage.version(table) for table in tables.ALL if table is not tables.LEASES}
    lines = again(built, SECOND)
    assert [line.split(":")[0] for line in lines] == [*OF_A_DAY, *SNAPSHOTS]
    assert all(line.endswith("the same.") for line in lines)
    assert {table.name: storage.version(table) for table in tables.ALL if table.name in versions} == versions
    for table in (tables.DEDUPED_EVENTS, tables.INTERACTIONS):
        unfenced(storage).replace(table, storage.read(table).where(DAY_2).limit(5), DAY_2)
    unfenced(storage).replace(tables.ITEM_FEATURES, storage.read(tables.ITEM_FEATURES).limit(5), None)
    assert state(built) != undisturbed
    lines = again(built, SECOND)
    mended = [line.split(":")[0] for line in lines if "; fixed" in line]
    assert mended == ["deduped_events", "daily_interactions", "item_features"]
    assert state(built) == undisturbed
    ledger = built.ctx().ledger
    for table in (tables.DEDUPED_EVENTS, tables.INTERACTIONS, tables.ITEM_FEATURES):
        assert ledger.version(table) == storage.version(table)  # what was put right is what readers take
    assert "as of 2019-10-02" in again(built, FIRST)[-1]


@pytest.mark.long
def test_a_day_whose_events_have_changed_is_rebuilt_as_it_was_as_long_as_its_files_are_kept(built):
    undisturbed, storage = state(built), built.ctx().storage
    generate(Span(100, 24, FIRST), built.raw, seed=6)
    built.land()
    built.judge(Window(FIRST, SECOND + DAY, HOUR))  # user_events has gone on; nothing is built from it yet
    unfenced(storage).replace(
        tables.CLEANED_EVENTS, storage.read(tables.CLEANED_EVENTS).limit(0), "event_date = DATE '2019-10-01'"
    )
    assert next(line for line in again(built, FIRST) if "; fixed" in line).startswith("cleaned_events")
    assert state(built) == undisturbed
    vacuum(storage, tables.USER_EVENTS, 0)
    assert "is no longer kept: builds can be repeated for 7 days" in built.refused(lambda: again(built, FIRST))
    assert state(built) == undisturbed
    assert all(line.endswith("the same.") for line in again(built, SECOND))  # its events have not changed
    assert "has not built this day" in built.refused(lambda: again(built, datetime(2019, 10, 5)))
