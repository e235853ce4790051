"""Rebuild a day's outputs from the same table versions as the first time."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.commands.rebuild import rebuild
from spark_jobs.delta.files import vacuum
from spark_jobs.flow import Writer
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.torture.digests import digests
from tests.unfenced import unfenced_writer

FIRST, SECOND = datetime(2019, 10, 1), datetime(2019, 10, 2)
BOTH = Window(FIRST, SECOND + DAY, DAY)
DAY_2 = "event_date = DATE '2019-10-02'"
DAY_TABLES = ("deduped_events", "cleaned_events", "daily_interactions", "daily_items")
SNAPSHOTS = ("user_item_matrix", "item_sums", "user_features", "item_features")


def rebuild_day(pipeline, day: datetime) -> list[str]:
    with hold_leases(pipeline.settings, pipeline.spark, Writer) as ctx:
        return list(rebuild(ctx, day))


def digest_outputs(pipeline) -> dict:
    found = digests(pipeline.spark, pipeline.settings.paths.warehouse, lambda sql: [])
    return {name: found[name] for name in (*DAY_TABLES, *SNAPSHOTS)}


@pytest.fixture(scope="module")
def two_days(spark, tmp_path_factory, database):
    """Build two days. Each test restores the outputs that it changes."""
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("rebuild"), database)
    for day in (FIRST, SECOND):
        generate(Span(400, 24, day), pipeline.raw, seed=5, ratings=True)
    pipeline.land()
    pipeline.validate(Window(FIRST, SECOND + DAY, HOUR))
    pipeline.run_daily(BOTH)
    return pipeline


@pytest.mark.long
def test_a_rebuilt_day_is_the_same_and_a_damaged_one_is_repaired(two_days):
    expected, storage = digest_outputs(two_days), two_days.ctx().storage
    versions = {table.name: storage.version(table) for table in tables.ALL if table is not tables.LEASES}
    lines = rebuild_day(two_days, SECOND)
    assert [line.split(":")[0] for line in lines] == [*DAY_TABLES, *SNAPSHOTS]
    assert all(line.endswith("the same.") for line in lines)
    assert {table.name: storage.version(table) for table in tables.ALL if table.name in versions} == versions
    for table in (tables.DEDUPED_EVENTS, tables.INTERACTIONS):
        unfenced_writer(storage).replace(table, storage.read(table).where(DAY_2).limit(5), DAY_2)
    unfenced_writer(storage).replace(tables.ITEM_FEATURES, storage.read(tables.ITEM_FEATURES).limit(5), None)
    assert digest_outputs(two_days) != expected
    lines = rebuild_day(two_days, SECOND)
    fixed_tables = [line.split(":")[0] for line in lines if "; fixed" in line]
    assert fixed_tables == ["deduped_events", "daily_interactions", "item_features"]
    assert digest_outputs(two_days) == expected
    ledger = two_days.ctx().ledger
    for table in (tables.DEDUPED_EVENTS, tables.INTERACTIONS, tables.ITEM_FEATURES):
        assert ledger.version(table) == storage.version(table)  # readers use the repaired version
    assert "as of 2019-10-02" in rebuild_day(two_days, FIRST)[-1]


@pytest.mark.long
def test_a_day_with_newer_events_is_rebuilt_from_the_earlier_ones_while_their_files_are_kept(two_days):
    expected, storage = digest_outputs(two_days), two_days.ctx().storage
    generate(Span(100, 24, FIRST), two_days.raw, seed=6)
    two_days.land()
    two_days.validate(Window(FIRST, SECOND + DAY, HOUR))  # user_events has newer rows; nothing is built from them yet
    unfenced_writer(storage).replace(
        tables.CLEANED_EVENTS, storage.read(tables.CLEANED_EVENTS).limit(0), "event_date = DATE '2019-10-01'"
    )
    assert next(line for line in rebuild_day(two_days, FIRST) if "; fixed" in line).startswith("cleaned_events")
    assert digest_outputs(two_days) == expected
    vacuum(storage, tables.USER_EVENTS, 0)
    assert "is no longer kept: builds can be repeated for 7 days" in two_days.expect_refusal(
        lambda: rebuild_day(two_days, FIRST)
    )
    assert digest_outputs(two_days) == expected
    assert all(line.endswith("the same.") for line in rebuild_day(two_days, SECOND))  # its events have not changed
    assert "has not built this day" in two_days.expect_refusal(lambda: rebuild_day(two_days, datetime(2019, 10, 5)))
