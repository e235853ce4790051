"""Only the latest attempt undoes what a killed attempt left in a table, even after other writes to the table."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.coordination import failpoints, lease, lock
from spark_jobs.delta.files import compact, vacuum
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError, SupersededError
from spark_jobs.flow import Writer
from spark_jobs.recovery.killed_attempts import undo_after

DAY = datetime(2019, 10, 1)
TABLE = tables.REJECTED_EVENTS


def start_attempt(spark, folder) -> TableWriter:
    storage = Storage(spark, str(folder / "warehouse"))
    return lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
        storage
    )


def make_rows(writer: TableWriter, *ids: int, day: datetime | None = DAY):
    row = {"event_date": day and day.date(), "hour": day, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    return writer.storage.frame(TABLE, [row | {"file_id": number} for number in ids]).coalesce(1)


def read_ids(writer: TableWriter) -> list[int]:
    return sorted(row.file_id for row in writer.storage.read(TABLE).collect())


@pytest.fixture
def writer(spark, tmp_path) -> TableWriter:
    """Write a table of six files, the last one without a day; the tests undo everything after this version."""
    table_writer = start_attempt(spark, tmp_path)
    for number in range(5):
        table_writer.append(TABLE, make_rows(table_writer, number))
    table_writer.append(TABLE, make_rows(table_writer, 5, day=None))
    return table_writer


def test_undo_restores_added_replaced_and_removed_rows_and_does_nothing_when_repeated(writer):
    version = writer.storage.version(TABLE)
    assert not undo_after(writer, TABLE, version)
    writer.replace_and_append(TABLE, make_rows(writer, 10), "file_id = 1")
    writer.replace(TABLE, make_rows(writer), "file_id = 5")  # removes rows only
    writer.append(TABLE, make_rows(writer, 11, day=datetime(2019, 10, 2)))
    compact(writer.storage, TABLE, [DAY])
    vacuum(writer.storage, TABLE, 24)
    assert read_ids(writer) == [0, 2, 3, 4, 10, 11]
    assert undo_after(writer, TABLE, version)
    assert read_ids(writer) == [0, 1, 2, 3, 4, 5]
    version_after_undo = writer.storage.version(TABLE)
    assert not undo_after(writer, TABLE, version) and writer.storage.version(TABLE) == version_after_undo
    writer.replace(TABLE, make_rows(writer), "file_id = 0")
    assert undo_after(writer, TABLE, version)
    assert read_ids(writer) == [0, 1, 2, 3, 4, 5]


def test_undo_fails_with_one_sentence_and_changes_nothing_if_the_old_files_are_gone(writer):
    version = writer.storage.version(TABLE)
    writer.replace_and_append(TABLE, make_rows(writer, 10), "file_id = 1")
    vacuum(writer.storage, TABLE, 0)
    with pytest.raises(PipelineError, match="has no entry in the ledger, and the rows from before it are gone"):
        undo_after(writer, TABLE, version)
    assert read_ids(writer) == [0, 2, 3, 4, 5, 10]


def test_an_attempt_that_wakes_before_its_undo_keeps_the_rows_of_a_later_attempt(writer, spark, tmp_path, monkeypatch):
    version = writer.storage.version(TABLE)
    writer.append(TABLE, make_rows(writer, 10))

    def undo_as_second_attempt(name: str) -> None:
        monkeypatch.undo()
        second = start_attempt(spark, tmp_path)
        assert name == "undo.decided" and undo_after(second, TABLE, version)
        second.append(TABLE, make_rows(second, 20))

    monkeypatch.setattr(failpoints, "reach", undo_as_second_attempt)
    with pytest.raises(SupersededError, match="rejected_events was not written"):
        undo_after(writer, TABLE, version)
    assert read_ids(writer) == [0, 1, 2, 3, 4, 5, 20]
