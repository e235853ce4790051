"""What a killed attempt left in a table is taken back: whatever happened since, and by the latest attempt only."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.coordination import failpoints, lease, lock
from spark_jobs.delta.files import compact, vacuum
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError, SupersededError
from spark_jobs.flow import Writer
from spark_jobs.recovery.undo import undo_after

DAY = datetime(2019, 10, 1)
TABLE = tables.REJECTED_EVENTS


def attempt(spark, folder) -> TableWriter:
    storage = Storage(spark, str(folder / "warehouse"))
    return lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean=False)])[Writer.COLLECTION].table_writer(
        storage
    )


def rows(writer: TableWriter, *ids: int, day: datetime | None = DAY):
    row = {"event_date": day and day.date(), "hour": day, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    return writer.storage.frame(TABLE, [row | {"file_id": number} for number in ids]).coalesce(1)


def ids(writer: TableWriter) -> list[int]:
    return sorted(row.file_id for row in writer.storage.read(TABLE).collect())


@pytest.fixture
def writer(spark, tmp_path) -> TableWriter:
    """A table of six files of a day and one without; what comes after its version is to be taken back."""
    made = attempt(spark, tmp_path)
    for number in range(5):
        made.append(TABLE, rows(made, number))
    made.append(TABLE, rows(made, 5, day=None))
    return made


def test_rows_that_were_added_replaced_and_removed_are_as_before_and_nothing_is_undone_twice(writer):
    version = writer.storage.version(TABLE)
    assert not undo_after(writer, TABLE, version)
    writer.replace_and_append(TABLE, rows(writer, 10), "file_id = 1")
    writer.replace(TABLE, rows(writer), "file_id = 5")  # only removes
    writer.append(TABLE, rows(writer, 11, day=datetime(2019, 10, 2)))
    compact(writer.storage, TABLE, [DAY])
    vacuum(writer.storage, TABLE, 24)
    assert ids(writer) == [0, 2, 3, 4, 10, 11]
    assert undo_after(writer, TABLE, version)
    assert ids(writer) == [0, 1, 2, 3, 4, 5]
    undone = writer.storage.version(TABLE)
    assert not undo_after(writer, TABLE, version) and writer.storage.version(TABLE) == undone
    writer.replace(TABLE, rows(writer), "file_id = 0")
    assert undo_after(writer, TABLE, version)
    assert ids(writer) == [0, 1, 2, 3, 4, 5]


def test_where_the_files_from_before_are_gone_one_sentence_says_so_and_nothing_changes(writer):
    version = writer.storage.version(TABLE)
    writer.replace_and_append(TABLE, rows(writer, 10), "file_id = 1")
    vacuum(writer.storage, TABLE, 0)
    with pytest.raises(PipelineError, match="has no entry in the ledger, and the rows from before it are gone"):
        undo_after(writer, TABLE, version)
    assert ids(writer) == [0, 2, 3, 4, 5, 10]


def test_an_attempt_that_wakes_before_it_takes_back_leaves_what_a_later_one_wrote(writer, spark, tmp_path, monkeypatch):
    version = writer.storage.version(TABLE)
    writer.append(TABLE, rows(writer, 10))

    def later(name: str) -> None:
        monkeypatch.undo()
        second = attempt(spark, tmp_path)
        assert name == "undo.decided" and undo_after(second, TABLE, version)
        second.append(TABLE, rows(second, 20))

    monkeypatch.setattr(failpoints, "reach", later)
    with pytest.raises(SupersededError, match="rejected_events was not written"):
        undo_after(writer, TABLE, version)
    assert ids(writer) == [0, 1, 2, 3, 4, 5, 20]
