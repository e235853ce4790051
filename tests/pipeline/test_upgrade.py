"""A warehouse of another layout version is refused. After one upgrade it works, and older rows stay readable."""

import dataclasses
from datetime import datetime
from pathlib import Path

import pytest

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.commands.upgrade import NOTED, conform, upgrade
from spark_jobs.coordination import lock
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import LayoutError, PipelineError
from spark_jobs.flow import VALIDATE_DATA_QUALITY, Writer
from spark_jobs.jobs import create_user_item_matrix, feature_engineering
from spark_jobs.tables import Field
from spark_jobs.windows import DAY, Window
from tests.conftest import OCTOBER_1
from tests.events import HEAD, event_line
from tests.unfenced import unfenced_writer

NEWER_COLUMNS = ("types", "mean_price")


def make_older(table, *left_out: str, **types: str):
    fields = [
        dataclasses.replace(field, type=types.get(field.name, field.type), comment=field.comment.upper())
        for field in table.fields
        if field.name not in left_out
    ]
    return dataclasses.replace(table, fields=tuple(fields), statistics=())


def rewrite_as(storage: Storage, table, old) -> None:
    """Rewrite the table as an older version would have created it, with its current rows."""
    rows = storage.read(table).select(*old.columns).collect()
    frame = storage.frame(table, []).sparkSession.createDataFrame(rows, storage.read(table).select(*old.columns).schema)
    files, path = storage.file_system(storage.path(table))
    checkpoint = frame.localCheckpoint()
    files.delete(path, True)
    storage._existing.discard(table.name)
    unfenced_writer(storage).create(old)
    unfenced_writer(storage).append(old, checkpoint)


@pytest.fixture
def old_warehouse(pipeline):
    pipeline.put("a.csv", HEAD + event_line(time="00:00:00"))
    pipeline.land()
    pipeline.validate()
    empty = [
        {"unit": f"2019-09-30T{hour:02}", "hour": datetime(2019, 9, 30, hour), "status": "empty"} for hour in (1, 2)
    ]
    pipeline.ctx().ledger.record_hours(empty)
    with hold_leases(pipeline.settings, pipeline.spark, Writer) as ctx:
        storage = ctx.storage
    rewrite_as(storage, tables.HOUR_STATUS, make_older(tables.HOUR_STATUS, *NEWER_COLUMNS))
    rewrite_as(storage, tables.RAW_EVENTS, make_older(tables.RAW_EVENTS, part="SMALLINT"))
    rewrite_as(storage, tables.LEASES, make_older(tables.LEASES, "layout"))
    pipeline.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return pipeline


def test_an_older_warehouse_is_refused_and_usable_after_an_upgrade(old_warehouse):
    sentence = f"{old_warehouse.settings.paths.warehouse}: its tables are of layout 1, but this version of the project "
    with (
        pytest.raises(LayoutError, match=sentence + "writes layout 4: run make upgrade once."),
        hold_leases(old_warehouse.settings, old_warehouse.spark, [Writer.COLLECTION]),
    ):
        pass
    ctx = old_warehouse.ctx()
    retired = Path(ctx.storage.warehouse) / "user_sums"
    retired.mkdir()
    (retired / "part-0.parquet").write_text("rows of users")
    lines = list(upgrade(ctx, [lock.Hold(writer, unclean=False) for writer in Writer]))
    assert "hour_status: new columns: types, mean_price" in lines
    assert "raw_events: part: smallint becomes int" in lines
    assert "raw_events: set: delta.dataSkippingStatsColumns" in lines
    assert "hour_status: removed hours without rows, because these are derived now: 2" in lines
    assert [row.unit for row in old_warehouse.read(tables.HOUR_STATUS).collect()] == ["2019-10-01T00"]
    assert [row["day"].day for row in old_warehouse.ctx().ledger.days()] == [1]
    assert lines[-2:] == ["user_sums: removed, because nothing reads it any more", "layout 4, before: 1"]
    assert not retired.exists()
    for table in (tables.HOUR_STATUS, tables.RAW_EVENTS):
        actual = {field.name: field for field in old_warehouse.read(table).schema.fields}
        assert {f.name: f.comment for f in table.fields} == {n: f.metadata["comment"] for n, f in actual.items()}
    assert [row.part for row in old_warehouse.read(tables.RAW_EVENTS).collect()] == [1]
    assert {row.types for row in old_warehouse.read(tables.HOUR_STATUS).collect()} == {None}
    old_warehouse.put("b.csv", HEAD + event_line(time="01:00:00"))
    with hold_leases(old_warehouse.settings, old_warehouse.spark, [Writer.COLLECTION]) as ctx:
        ctx.say = old_warehouse.messages.append
        old_warehouse.land()
        ctx.run(VALIDATE_DATA_QUALITY, OCTOBER_1)
    types = {row.unit: row.types for row in old_warehouse.read(tables.HOUR_STATUS).where("raw_rows > 0").collect()}
    assert types["2019-10-01T00"] is None and types["2019-10-01T01"]["view"] == 1
    assert sorted(row.timestamp for row in old_warehouse.read(tables.USER_EVENTS).collect()) == [
        datetime(2019, 10, 1, hour) for hour in (0, 1)
    ]
    assert list(conform(old_warehouse.ctx().storage, tables.RAW_EVENTS)) == []


def test_a_warehouse_of_a_later_layout_is_refused(pipeline, monkeypatch):
    with hold_leases(pipeline.settings, pipeline.spark, [Writer.COLLECTION]):
        pass
    monkeypatch.setattr(tables, "LAYOUT", 1)
    with (
        pytest.raises(
            LayoutError,
            match="layout 4, written by a later version of this project, but this version knows only layout 1",
        ),
        hold_leases(pipeline.settings, pipeline.spark, [Writer.COLLECTION]),
    ):
        pass


def test_a_change_to_a_column_type_that_is_not_wider_is_refused(pipeline):
    storage = pipeline.ctx().storage
    fields = (Field("part", "INT", "x", False), *tables.LEASES.fields[1:])
    unfenced_writer(storage).create(dataclasses.replace(tables.LEASES, fields=fields, partition=None))
    with pytest.raises(PipelineError, match="leases: part: int becomes string: not possible"):
        list(conform(storage, tables.LEASES))


NOTE = "spark.databricks.delta.commitInfo.userMetadata"


def rewrite_as_layout_3(pipeline, job, notes: dict) -> None:
    """Rewrite the last snapshot as layout 3 left it: a digest in each commit, no version in the ledger."""
    ctx = pipeline.ctx()
    last = ctx.ledger.last_build(job.JOB.name)
    for table in NOTED[job.JOB.name]:
        pipeline.spark.conf.set(NOTE, notes.get(table, last["input_digest"]))
        unfenced_writer(ctx.storage).replace(table, ctx.storage.read(table), None)
        pipeline.spark.conf.unset(NOTE)
    ctx.ledger.record_builds(job.JOB.name, [last | {"writes": None}])


def test_an_upgrade_records_the_versions_of_the_last_snapshots_so_that_the_next_day_is_added(pipeline):
    days = Window(datetime(2019, 10, 1), datetime(2019, 10, 4), DAY)
    first, second, third = (
        event_line(time=f"2019-10-0{day} 00:00:00", item_id=day, user_id=500 + day) for day in (1, 2, 3)
    )
    pipeline.put("a.csv", HEAD + first + second)
    pipeline.land()
    pipeline.validate()
    pipeline.run_daily(days)
    rewrite_as_layout_3(pipeline, create_user_item_matrix, {})
    rewrite_as_layout_3(
        pipeline, feature_engineering, {tables.USER_FEATURES: "an attempt that ended before its row in the ledger"}
    )
    ctx = pipeline.ctx()
    holds = [lock.Hold(writer, unclean=False) for writer in Writer]
    messages = [line for line in upgrade(ctx, holds) if "the versions that it wrote" in line]
    assert messages == ["day_builds: create_user_item_matrix: recorded the versions that it wrote"]
    versions = {table.name: ctx.storage.version(table) for table in create_user_item_matrix.JOB.writes}
    assert ctx.ledger.last_build("create_user_item_matrix")["writes"] == versions
    assert ctx.ledger.last_build("feature_engineering")["writes"] is None
    assert not [line for line in upgrade(ctx, holds) if "the versions that it wrote" in line]
    for job in (create_user_item_matrix, feature_engineering):
        assert job.run(pipeline.ctx(), days)["unchanged"]
    pipeline.put("b.csv", HEAD + third)
    pipeline.land()
    pipeline.validate()
    *_, matrix, features = pipeline.run_daily(days)
    assert (matrix["days_added"], features["days_added"]) == (1, "all")
    assert pipeline.read(tables.USER_ITEM_MATRIX).count() == pipeline.read(tables.USER_FEATURES).count() == 3
