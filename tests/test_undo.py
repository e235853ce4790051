"""What a killed attempt left in a table is taken back: whatever happened since, and by the latest attempt only."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.coordination import failpoints, lease, lock
from spark_jobs.delta.files import compact, vacuum
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import PipelineError, SupersededError
from spark_jobs.recovery.undo import undo_after

DAY = datetime(2019, 10, 1)
TABLE = tables.REJECTED_EVENTS


def attempt(spark, folder) -> Storage:
    storage = Storage(spark, str(folder / "warehouse"))
    lease.take(storage, [lock.Hold(lease.COLLECTION, unclean=False)])
    storage.part = lease.COLLECTION
    return storage


def rows(storage: Storage, *ids: int, day: datetime | None = DAY):
    row = {"event_date": day and day.date(), "hour": day, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    return storage.frame(TABLE, [row | {"file_id": number} for number in ids]).coalesce(1)


def ids(storage: Storage) -> list[int]:
    return sorted(row.file_id for row in storage.read(TABLE).collect())


@pytest.fixture
def storage(spark, tmp_path) -> Storage:
    """A table of six files of a day and one without; what comes after its version is to be taken back."""
    made = attempt(spark, tmp_path)
    for number in range(5):
        made.append(TABLE, rows(made, number))
    made.append(TABLE, rows(made, 5, day=None))
    return made


def test_rows_that_were_added_replaced_and_removed_are_as_before_and_nothing_is_undone_twice(storage):
    version = storage.version(TABLE)
    assert not undo_after(storage, TABLE, version)
    storage.replace(TABLE, rows(storage, 10), "file_id = 1")
    storage.replace(TABLE, rows(storage), "file_id = 5")  # only removes
    storage.append(TABLE, rows(storage, 11, day=datetime(2019, 10, 2)))
    compact(storage, TABLE, [DAY])
    vacuum(storage, TABLE, 24)
    assert ids(storage) == [0, 2, 3, 4, 10, 11]
    assert undo_after(storage, TABLE, version)
    assert ids(storage) == [0, 1, 2, 3, 4, 5]
    undone = storage.version(TABLE)
    assert not undo_after(storage, TABLE, version) and storage.version(TABLE) == undone
    storage.replace(TABLE, rows(storage), "file_id = 0")
    assert undo_after(storage, TABLE, version)
    assert ids(storage) == [0, 1, 2, 3, 4, 5]


def test_where_the_files_from_before_are_gone_one_sentence_says_so_and_nothing_changes(storage):
    version = storage.version(TABLE)
    storage.replace(TABLE, rows(storage, 10), "file_id = 1")
    vacuum(storage, TABLE, 0)
    with pytest.raises(PipelineError, match="has no entry in the ledger, and what was there before it is gone"):
        undo_after(storage, TABLE, version)
    assert ids(storage) == [0, 2, 3, 4, 5, 10]


def test_an_attempt_that_wakes_before_it_takes_back_leaves_what_a_later_one_wrote(
    storage, spark, tmp_path, monkeypatch
):
    version = storage.version(TABLE)
    storage.append(TABLE, rows(storage, 10))

    def later(name: str) -> None:
        monkeypatch.undo()
        second = attempt(spark, tmp_path)
        assert name == "undo.decided" and undo_after(second, TABLE, version)
        second.append(TABLE, rows(second, 20))

    monkeypatch.setattr(failpoints, "reached", later)
    with pytest.raises(SupersededError, match="rejected_events was not written"):
        undo_after(storage, TABLE, version)
    assert ids(storage) == [0, 1, 2, 3, 4, 5, 20]
