"""Small tables: what the driver writes, Spark reads, and the other way round; no query runs for either."""

import dataclasses
import shutil
import threading
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException

from spark_jobs import tables
from spark_jobs.coordination import lease, lock
from spark_jobs.delta.log import CONFLICTS, DeltaLog
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.flow import Writer, written_by
from tests.counting import jobs
from tests.unfenced import unfenced

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
def test_what_the_driver_writes_it_reads_back_and_spark_reads_the_same(storage, table, row):
    unfenced(storage).put_rows(table, [row])
    assert storage.rows(table) == [row]
    (found,) = storage.read(table).collect()
    assert found.asDict(recursive=True) == row


@pytest.mark.parametrize(("table", "row"), [(tables.HOUR_STATUS, HOUR), (tables.LANDED_FILES, FILE)])
def test_the_driver_reads_what_spark_wrote(storage, table, row):
    unfenced(storage).replace(table, storage.frame(table, [row]), None)
    assert storage.rows(table) == [row]


def test_a_small_table_is_made_with_its_first_rows_and_has_comments_properties_and_required_columns(spark, storage):
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    assert storage.version(tables.HOUR_STATUS) == 0
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{storage.path(tables.HOUR_STATUS)}`").first()
    assert (detail.description, detail.partitionColumns) == (tables.HOUR_STATUS.comment, ["month"])
    assert detail.properties["delta.checkpointInterval"] == "20"
    fields = storage.read(tables.HOUR_STATUS).schema.fields
    assert [field.metadata["comment"] for field in fields] == [field.comment for field in tables.HOUR_STATUS.fields]
    with pytest.raises(ValueError, match="status"):
        unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"status": None}])


def test_rows_take_the_place_of_those_of_their_partitions_and_of_no_others(storage):
    november = HOUR | {"unit": "2019-11-01T05", "month": "2019-11", "hour": datetime(2019, 11, 1, 5)}
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR, november])
    changed = HOUR | {"status": "stopped"}
    unfenced(storage).put_rows(tables.HOUR_STATUS, [changed], ["2019-10"])
    assert sorted(storage.rows(tables.HOUR_STATUS), key=lambda row: row["unit"]) == [changed, november]
    unfenced(storage).put_rows(tables.HOUR_STATUS, [])
    assert storage.rows(tables.HOUR_STATUS) == []


def test_no_job_runs_to_read_write_count_or_name_versions(spark, storage):
    lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
        storage
    ).put_rows(tables.HOUR_STATUS, [HOUR])
    before = jobs(spark)
    leases = lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=True)])  # every table is sealed
    writer = leases[Writer.COLLECTION].table_writer(storage)
    assert jobs(spark) <= before + len(written_by(Writer.COLLECTION))  # some are made then: a job each
    before = jobs(spark)
    for _ in range(3):
        writer.put_rows(tables.HOUR_STATUS, [HOUR], ["2019-10"])
        assert len(storage.rows(tables.HOUR_STATUS)) == 1
        version = storage.version(tables.HOUR_STATUS)
        assert storage.count(tables.HOUR_STATUS, version) == 1
        assert storage.held(tables.HOUR_STATUS)[0] == 1
    assert jobs(spark) == before


def test_a_column_that_a_table_does_not_have_yet_is_added_and_is_null_in_older_rows(storage):
    columns = [field for field in tables.LEASES.fields if field.name != "layout"]
    row = {"part": "matrix", "epoch": 1, "warehouse": "w", "host": "h", "taken_at": datetime(2020, 1, 1)}
    unfenced(storage).put_rows(dataclasses.replace(tables.LEASES, fields=tuple(columns)), [row])
    later = row | {"part": "features", "layout": 4}
    unfenced(storage).put_rows(tables.LEASES, [later], ["features"])
    assert sorted(storage.rows(tables.LEASES), key=lambda row: row["part"]) == [later, row | {"layout": None}]
    assert {(found.part, found.layout) for found in storage.read(tables.LEASES).collect()} == {
        ("matrix", None),
        ("features", 4),
    }


def test_only_the_latest_attempt_writes_rows(spark, storage):
    def attempt() -> TableWriter:
        other = Storage(spark, storage.warehouse)
        return lease.take_leases(other, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
            other
        )

    first = attempt()
    first.put_rows(tables.HOUR_STATUS, [HOUR])
    second = attempt()
    second.put_rows(tables.HOUR_STATUS, [HOUR | {"status": "committed"}])
    for write in (first.put_rows, first.add_rows):
        with pytest.raises(SupersededError, match="hour_status was not written"):
            write(tables.HOUR_STATUS, [HOUR])
    assert [row["status"] for row in second.storage.rows(tables.HOUR_STATUS)] == ["committed"]


def lease_of(spark, storage, part: str, **beside) -> dict:
    """The lease that a new attempt at the part takes; `beside` are acts of others at moments on the way, by name."""
    attempt = Storage(spark, storage.warehouse)
    if "rows" in beside:
        found = attempt.rows
        attempt.rows = lambda table: (found(table), beside["rows"]())[0]
    if "begin" in beside:
        log = attempt.log(tables.LEASES)
        begin = log.begin
        log.begin = lambda **options: (begin(**options), beside.pop("begin", lambda: None)())[0]
    return lease.take_leases(attempt, [lock.Hold(part, unclean=False)])


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_an_attempt_at_another_part_that_starts_meanwhile_is_no_conflict(spark, storage, moment):
    lease_of(spark, storage, Writer.COLLECTION)
    lease_of(spark, storage, Writer.MATRIX, **{moment: lambda: lease_of(spark, storage, Writer.COLLECTION)})
    assert {row["part"] for row in storage.rows(tables.LEASES)} == {Writer.COLLECTION, Writer.MATRIX}
    assert len({row["warehouse"] for row in storage.rows(tables.LEASES)}) == 1


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_of_two_attempts_at_a_part_that_start_at_the_same_moment_one_is_refused(spark, storage, moment):
    lease_of(spark, storage, Writer.COLLECTION)
    taken = []
    with pytest.raises(BusyError, match="another run starts at this moment"):
        lease_of(
            spark,
            storage,
            Writer.COLLECTION,
            **{moment: lambda: taken.append(lease_of(spark, storage, Writer.COLLECTION))},
        )
    assert [row["epoch"] for row in storage.rows(tables.LEASES)] == [taken[0][Writer.COLLECTION].epoch]


@pytest.mark.parametrize("moment", ["rows", "begin"])
def test_a_new_warehouse_gets_one_name_from_two_first_attempts(spark, storage, moment):
    with pytest.raises(BusyError, match="another run starts at this moment"):
        lease_of(spark, storage, Writer.MATRIX, **{moment: lambda: lease_of(spark, storage, Writer.COLLECTION)})
    assert [row["part"] for row in storage.rows(tables.LEASES)] == [Writer.COLLECTION]


def test_rows_are_counted_by_day_from_the_log_or_where_there_are_many_files_by_a_query(spark, storage):
    day = HOUR["hour"].date()
    row = {"event_date": day, "hour": HOUR["hour"], "reasons": ["x"], "raw_text": "r", "file_name": "f", "file_id": 1}
    frame = storage.frame(tables.REJECTED_EVENTS, [row])
    unfenced(storage).append(tables.REJECTED_EVENTS, frame.repartition(1))
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 1)]) == {"2019-10-01": 1}
    many = spark.range(0, 60, 1, 60).crossJoin(frame).drop("id")  # a file for each task
    unfenced(storage).append(tables.REJECTED_EVENTS, many)
    assert storage.log(tables.REJECTED_EVENTS).known_files() is None
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 1)]) == {"2019-10-01": 61}
    assert storage.count_by_day(tables.REJECTED_EVENTS, [datetime(2019, 10, 2)]) == {}
    assert storage.count(tables.REJECTED_EVENTS, storage.version(tables.REJECTED_EVENTS)) == 61


def test_a_fingerprint_tells_a_version_from_one_of_the_same_number_after_a_return_to_an_earlier_state(spark, storage):
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    before = shutil.copytree(storage.path(tables.HOUR_STATUS), f"{storage.warehouse}/copy")
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": 4}])
    first = storage.fingerprint(tables.HOUR_STATUS, 1)
    assert storage.fingerprint(tables.HOUR_STATUS, 1) == first != storage.fingerprint(tables.HOUR_STATUS, 0)
    shutil.rmtree(storage.path(tables.HOUR_STATUS))
    Path(before).rename(storage.path(tables.HOUR_STATUS))
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    again = Storage(spark, storage.warehouse)
    unfenced(again).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": 4}])
    assert again.version(tables.HOUR_STATUS) == 1
    assert again.fingerprint(tables.HOUR_STATUS, 1) != first


def test_rows_of_a_whole_table_that_another_has_written_meanwhile_are_a_conflict(spark, storage, monkeypatch):
    day = {"day": date(2019, 10, 1)} | dict.fromkeys(("hours_loaded", "hours_empty"), 1)
    day |= {"hours_stopped": 0, "hours_missing": 22, "complete": False, "dirty": False, "built": False}
    unfenced(storage).put_rows(tables.DAY_STATUS, [])
    begin, other = DeltaLog.begin, unfenced(Storage(spark, storage.warehouse))

    def another_is_faster(log: DeltaLog, **options):
        begun = begin(log, **options)
        if threading.current_thread() is threading.main_thread():
            beside = threading.Thread(target=lambda: other.put_rows(tables.DAY_STATUS, [day | {"dirty": True}]))
            beside.start()
            beside.join()
        return begun

    monkeypatch.setattr(DeltaLog, "begin", another_is_faster)
    with pytest.raises(CONFLICTS):
        unfenced(storage).put_rows(tables.DAY_STATUS, [day], again=False)
    monkeypatch.undo()
    assert [row["dirty"] for row in storage.rows(tables.DAY_STATUS)] == [True]


def test_a_row_outside_of_what_a_commit_replaces_is_refused_but_a_landing_adds_it(spark, storage):
    table, writer = tables.REJECTED_EVENTS, unfenced(storage)
    row = {"event_date": date(2019, 10, 1), "reasons": ["x"], "raw_text": "r", "file_name": "f"}

    def rows(*ids: int):
        return storage.frame(table, [row | {"file_id": number} for number in ids]).coalesce(1)

    def ids() -> list[int]:
        return sorted(found.file_id for found in storage.read(table).collect())

    writer.append(table, rows(1, 2))
    with pytest.raises(AnalysisException, match="DELTA_REPLACE_WHERE_MISMATCH"):
        writer.replace(table, rows(1, 3), "file_id = 1")
    assert ids() == [1, 2]
    writer.replace_and_append(table, rows(1, 3), "file_id = 1")
    assert ids() == [1, 2, 3]
    with pytest.raises(AnalysisException, match="DELTA_REPLACE_WHERE_MISMATCH"):  # the check is on again
        writer.replace(table, rows(4), "file_id = 1")
