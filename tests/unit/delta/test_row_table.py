"""Small tables: Spark reads what the driver writes, and vice versa; neither runs a query."""

import dataclasses
import os
import shutil
import threading
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException

from spark_jobs import tables
from spark_jobs.coordination import lease, lock
from spark_jobs.delta.log import CONFLICTS, DeltaLog
from spark_jobs.delta.schema import PROPERTIES
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.flow import Writer, list_written_tables
from tests.counting import count_jobs
from tests.unfenced import unfenced_writer

NONE = dict.fromkeys(tables.HOUR_STATUS.columns)
HOUR = NONE | {
    **{"unit": "2019-10-01T05", "month": "2019-10", "hour": datetime(2019, 10, 1, 5), "status": "loaded"},
    **{"raw_rows": 3, "raw_digest": "3:1:2", "valid_rows": 2, "rejected_rows": 1, "content_digest": "2:1:2"},
    **{"reasons": {"bad_price": 1}, "types": {"view": 2}, "mean_price": Decimal("1.2500"), "warnings": ["a", "b"]},
    **{"updated_at": datetime(2020, 1, 2, 3, 4, 5, 6), "writes": {"user_events": 4}},
}
FILE = dict.fromkeys(tables.LANDED_FILES.columns) | {
    **{"file_id": 1, "path": "/Räume/a b.csv", "status": "landed", "size": 9, "modified": 1, "part": 1, "rows": 2},
    **{"header": ["x", "y"], "landed_at": datetime(2020, 1, 2), "raw_version": 7},
    "hours": [
        {"hour": datetime(2019, 10, 1, 5), "rows": 1, "low": -(2**62), "high": 2**62, "unfinished": False},
        {"hour": None, "rows": 1, "low": 0, "high": 0, "unfinished": True},
    ],
}


@pytest.fixture
def storage(spark, tmp_path) -> Storage:
    return Storage(spark, str(tmp_path / "ware house%20é"))


@pytest.mark.parametrize(("table", "row"), [(tables.HOUR_STATUS, HOUR), (tables.LANDED_FILES, FILE)])
def test_the_driver_and_spark_read_the_rows_that_the_driver_wrote(storage, table, row):
    unfenced_writer(storage).put_rows(table, [row])
    assert storage.rows(table) == [row]
    (found,) = storage.read(table).collect()
    assert found.asDict(recursive=True) == row


@pytest.mark.parametrize(("table", "row"), [(tables.HOUR_STATUS, HOUR), (tables.LANDED_FILES, FILE)])
def test_the_driver_reads_the_rows_that_spark_wrote(storage, table, row):
    unfenced_writer(storage).replace(table, storage.frame(table, [row]), None)
    assert storage.rows(table) == [row]


def test_a_small_table_is_created_with_its_first_rows_comments_properties_and_required_columns(spark, storage):
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    assert storage.version(tables.HOUR_STATUS) == 0
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{storage.path(tables.HOUR_STATUS)}`").first()
    assert (detail.description, detail.partitionColumns) == (tables.HOUR_STATUS.comment, ["month"])
    assert detail.properties["delta.checkpointInterval"] == "20"
    fields = storage.read(tables.HOUR_STATUS).schema.fields
    assert [field.metadata["comment"] for field in fields] == [field.comment for field in tables.HOUR_STATUS.fields]
    with pytest.raises(ValueError, match="status"):
        unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"status": None}])


def test_rows_replace_those_of_the_given_partitions_and_no_others(storage):
    november = HOUR | {"unit": "2019-11-01T05", "month": "2019-11", "hour": datetime(2019, 11, 1, 5)}
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR, november])
    changed = HOUR | {"status": "stopped"}
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [changed], ["2019-10"])
    assert sorted(storage.rows(tables.HOUR_STATUS), key=lambda row: row["unit"]) == [changed, november]
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [])
    assert storage.rows(tables.HOUR_STATUS) == []


def test_reading_writing_counting_and_finding_versions_run_no_job(spark, storage):
    lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
        storage
    ).put_rows(tables.HOUR_STATUS, [HOUR])
    before = count_jobs(spark)
    leases = lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=True)])  # every table is sealed
    writer = leases[Writer.COLLECTION].table_writer(storage)
    assert count_jobs(spark) <= before + len(list_written_tables(Writer.COLLECTION))  # one job per new table
    before = count_jobs(spark)
    for _ in range(3):
        writer.put_rows(tables.HOUR_STATUS, [HOUR], ["2019-10"])
        assert len(storage.rows(tables.HOUR_STATUS)) == 1
        version = storage.version(tables.HOUR_STATUS)
        assert storage.count(tables.HOUR_STATUS, version) == 1
        assert storage.measure_version(tables.HOUR_STATUS)[0] == 1
    assert count_jobs(spark) == before


def test_a_new_column_is_added_to_an_existing_table_and_is_null_in_older_rows(storage):
    columns = [field for field in tables.LEASES.fields if field.name != "layout"]
    row = {"part": "matrix", "epoch": 1, "warehouse": "w", "host": "h", "taken_at": datetime(2020, 1, 1)}
    unfenced_writer(storage).put_rows(dataclasses.replace(tables.LEASES, fields=tuple(columns)), [row])
    later = row | {"part": "features", "layout": 4}
    unfenced_writer(storage).put_rows(tables.LEASES, [later], ["features"])
    assert sorted(storage.rows(tables.LEASES), key=lambda row: row["part"]) == [later, row | {"layout": None}]
    assert {(found.part, found.layout) for found in storage.read(tables.LEASES).collect()} == {
        ("matrix", None),
        ("features", 4),
    }


def test_earlier_versions_are_read_with_null_in_a_new_column_and_cannot_replace_the_latest(storage):
    older = dataclasses.replace(tables.REJECTED_EVENTS, fields=tables.REJECTED_EVENTS.fields[:-1], statistics=())
    added = dataclasses.replace(tables.REJECTED_EVENTS.fields[-1], nullable=True)
    table = dataclasses.replace(older, fields=(*older.fields, added))
    row = {"event_date": date(2019, 10, 1), "hour": None, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    unfenced_writer(storage).append(older, storage.frame(older, [row]))
    version = storage.version(table)
    assert storage.read(table).select(*table.columns).collect() == [(*row.values(), None)]
    assert storage.stored_schema(table).names == older.columns
    unfenced_writer(storage).append(table, storage.frame(table, [row | {"file_id": 7}]))
    assert sorted(storage.read(table).collect(), key=str)[0].file_id == 7
    assert storage.read(table, version).collect() == [(*row.values(), None)]
    assert storage.is_readable(table, version + 1) and not storage.is_readable(table, version)
    assert storage.stored_schema(table)["file_id"].metadata == {"comment": added.comment}


def test_an_earlier_version_can_be_read_below_a_folder_of_any_name(spark, tmp_path):
    storage, table = Storage(spark, str(tmp_path / "a b%20c [1] é")), tables.LEASES
    row = {"part": "matrix", "epoch": 1, "warehouse": "w", "host": "h", "taken_at": datetime(2019, 10, 1)}
    for epoch in (1, 2):
        unfenced_writer(storage).replace(table, storage.frame(table, [row | {"epoch": epoch}]), None)
    assert storage.is_readable(table, 0)
    assert storage.read_earlier(table, 0, "epoch > 0").collect()[0].epoch == 1


def test_only_the_latest_attempt_can_write_rows(spark, storage):
    def start_attempt() -> TableWriter:
        other = Storage(spark, storage.warehouse)
        return lease.take_leases(other, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
            other
        )

    first = start_attempt()
    first.put_rows(tables.HOUR_STATUS, [HOUR])
    second = start_attempt()
    second.put_rows(tables.HOUR_STATUS, [HOUR | {"status": "committed"}])
    for write in (first.put_rows, first.add_rows):
        with pytest.raises(SupersededError, match="hour_status was not written"):
            write(tables.HOUR_STATUS, [HOUR])
    assert [row["status"] for row in second.storage.rows(tables.HOUR_STATUS)] == ["committed"]


def take_lease(spark, storage, writer: str, **interruptions) -> dict:
    """Take the lease of a writer in a new attempt; `interruptions` are actions of others, by the moment they happen."""
    attempt = Storage(spark, storage.warehouse)
    if "rows" in interruptions:
        read_rows = attempt.rows
        attempt.rows = lambda table: (read_rows(table), interruptions["rows"]())[0]
    if "begin" in interruptions:
        log = attempt.log(tables.LEASES)
        begin = log.begin
        log.begin = lambda **options: (begin(**options), interruptions.pop("begin", lambda: None)())[0]
    return lease.take_leases(attempt, [lock.Hold(writer, unclean=False)])


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_an_attempt_of_another_writer_that_starts_meanwhile_is_no_conflict(spark, storage, moment):
    take_lease(spark, storage, Writer.COLLECTION)
    take_lease(spark, storage, Writer.MATRIX, **{moment: lambda: take_lease(spark, storage, Writer.COLLECTION)})
    assert {row["part"] for row in storage.rows(tables.LEASES)} == {Writer.COLLECTION, Writer.MATRIX}
    assert len({row["warehouse"] for row in storage.rows(tables.LEASES)}) == 1


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_one_of_two_attempts_of_a_writer_that_start_at_the_same_moment_is_refused(spark, storage, moment):
    take_lease(spark, storage, Writer.COLLECTION)
    leases = []
    with pytest.raises(BusyError, match="another run starts at this moment"):
        take_lease(
            spark,
            storage,
            Writer.COLLECTION,
            **{moment: lambda: leases.append(take_lease(spark, storage, Writer.COLLECTION))},
        )
    assert [row["epoch"] for row in storage.rows(tables.LEASES)] == [leases[0][Writer.COLLECTION].epoch]


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_two_concurrent_first_attempts_give_a_new_warehouse_only_one_name(spark, storage, moment):
    with pytest.raises(BusyError, match="another run starts at this moment"):
        take_lease(spark, storage, Writer.MATRIX, **{moment: lambda: take_lease(spark, storage, Writer.COLLECTION)})
    assert [row["part"] for row in storage.rows(tables.LEASES)] == [Writer.COLLECTION]


def test_rows_are_counted_by_day_from_the_log_or_with_a_query_if_there_are_many_files(spark, storage):
    day = HOUR["hour"].date()
    row = {"event_date": day, "hour": HOUR["hour"], "reasons": ["x"], "raw_text": "r", "file_name": "f", "file_id": 1}
    frame = storage.frame(tables.REJECTED_EVENTS, [row])
    unfenced_writer(storage).append(tables.REJECTED_EVENTS, frame.repartition(1))
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 1)]) == {"2019-10-01": 1}
    many = spark.range(0, 200, 1, 200).crossJoin(frame).drop("id")  # a file for each task; 200 can be listed
    unfenced_writer(storage).append(tables.REJECTED_EVENTS, many)
    assert storage.log(tables.REJECTED_EVENTS).known_files() is None
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 1)]) == {"2019-10-01": 201}
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 2)]) == {}
    assert storage.count(tables.REJECTED_EVENTS, storage.version(tables.REJECTED_EVENTS)) == 201


def test_the_same_version_number_has_another_fingerprint_after_the_table_was_restored(spark, storage):
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    before = shutil.copytree(storage.path(tables.HOUR_STATUS), f"{storage.warehouse}/copy")
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": 4}])
    first = storage.fingerprint(tables.HOUR_STATUS, 1)
    assert storage.fingerprint(tables.HOUR_STATUS, 1) == first != storage.fingerprint(tables.HOUR_STATUS, 0)
    shutil.rmtree(storage.path(tables.HOUR_STATUS))
    Path(before).rename(storage.path(tables.HOUR_STATUS))
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    again = Storage(spark, storage.warehouse)
    unfenced_writer(again).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": 4}])
    assert again.version(tables.HOUR_STATUS) == 1
    assert again.fingerprint(tables.HOUR_STATUS, 1) != first


def test_replacing_a_whole_table_that_another_attempt_has_written_meanwhile_is_a_conflict(spark, storage, monkeypatch):
    day = {"day": date(2019, 10, 1)} | dict.fromkeys(("hours_loaded", "hours_empty"), 1)
    day |= {"hours_stopped": 0, "hours_missing": 22, "complete": False, "dirty": False, "built": False}
    unfenced_writer(storage).put_rows(tables.DAY_STATUS, [])
    begin, other = DeltaLog.begin, unfenced_writer(Storage(spark, storage.warehouse))

    def begin_after_another_write(log: DeltaLog, **options):
        begun = begin(log, **options)
        if threading.current_thread() is threading.main_thread():
            thread = threading.Thread(target=lambda: other.put_rows(tables.DAY_STATUS, [day | {"dirty": True}]))
            thread.start()
            thread.join()
        return begun

    monkeypatch.setattr(DeltaLog, "begin", begin_after_another_write)
    with pytest.raises(CONFLICTS):
        unfenced_writer(storage).put_rows(tables.DAY_STATUS, [day], again=False)
    monkeypatch.undo()
    assert [row["dirty"] for row in storage.rows(tables.DAY_STATUS)] == [True]


def test_a_row_outside_the_replaced_range_is_refused_unless_the_commit_also_appends(spark, storage):
    table, writer = tables.REJECTED_EVENTS, unfenced_writer(storage)
    row = {"event_date": date(2019, 10, 1), "reasons": ["x"], "raw_text": "r", "file_name": "f"}

    def create_rows(*ids: int):
        return storage.frame(table, [row | {"file_id": number} for number in ids]).coalesce(1)

    def read_ids() -> list[int]:
        return sorted(found.file_id for found in storage.read(table).collect())

    writer.append(table, create_rows(1, 2))
    with pytest.raises(AnalysisException, match="DELTA_REPLACE_WHERE_MISMATCH"):
        writer.replace(table, create_rows(1, 3), "file_id = 1")
    assert read_ids() == [1, 2]
    writer.replace_and_append(table, create_rows(1, 3), "file_id = 1")
    assert read_ids() == [1, 2, 3]
    with pytest.raises(AnalysisException, match="DELTA_REPLACE_WHERE_MISMATCH"):  # the check is on again
        writer.replace(table, create_rows(4), "file_id = 1")


def test_a_checkpoint_removes_the_log_entries_of_more_than_a_month_ago(storage, monkeypatch):
    """The log of an hourly warehouse therefore stays bounded."""
    monkeypatch.setitem(PROPERTIES, "delta.checkpointInterval", "4")
    log = Path(storage.path(tables.HOUR_STATUS)) / "_delta_log"

    def date_log(days_ago: int) -> None:
        for number, path in enumerate(sorted(log.glob("0*"))):
            then = time.time() - days_ago * 86_400 + number
            os.utime(path, (then, then))

    def commit(times: int) -> list[int]:
        for _ in range(times):
            unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR])
        return sorted(int(path.stem) for path in log.glob("*.json"))

    assert commit(7) == [*range(7)]
    date_log(days_ago=29)
    assert commit(4) == [*range(11)]
    date_log(days_ago=40)
    assert commit(4) == [*range(8, 15)]  # from the last checkpoint of that time on
    assert storage.rows(tables.HOUR_STATUS) == [HOUR]
