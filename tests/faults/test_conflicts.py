"""Concurrent writes to one table: compaction during a write, two writers at once, a superseded attempt."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from delta.exceptions import captured
from pyspark.sql import DataFrameWriter

from spark_jobs import tables
from spark_jobs.coordination import lease, lock
from spark_jobs.delta import files
from spark_jobs.delta.files import compact
from spark_jobs.delta.log import ATTEMPTS, DeltaLog, Transaction
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.flow import Writer
from spark_jobs.ingest import landing
from tests.events import HEAD, event_line
from tests.unfenced import unfenced_writer

DAY = datetime(2019, 10, 1)
TABLE = tables.REJECTED_EVENTS


def start_attempt(spark, folder: Path, name: Writer = Writer.COLLECTION) -> TableWriter:
    """Take the next lease of the writer and return a table writer that holds it."""
    storage = Storage(spark, str(folder / "warehouse"))
    return lease.take_leases(storage, [lock.Hold(name, unclean=False)])[name].table_writer(storage)


def make_rows(writer: TableWriter, *ids: int):
    row = {"event_date": DAY.date(), "hour": DAY, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    return writer.storage.frame(TABLE, [row | {"file_id": number} for number in ids]).coalesce(1)


def read_ids(writer: TableWriter) -> list[int]:
    return sorted(row.file_id for row in writer.storage.read(TABLE).collect())


class Gate:
    """Blocks every run of a frame's task until the gate is opened, and counts the runs."""

    def __init__(self, folder: Path):
        self.folder, self.reached, self.opened = folder, folder / "reached", folder / "opened"

    def hold_tasks(self, frame):
        """Return the same frame with a task that waits at the gate."""
        reached, opened = self.reached, self.opened

        def wait(batches: Iterator[Any]) -> Iterator[Any]:
            with reached.open("a") as file:
                file.write("x")
            while not opened.exists():
                time.sleep(0.02)
            yield from batches

        return frame.mapInArrow(wait, frame.schema)

    def wait(self) -> None:
        """Wait at the gate in the driver."""
        with self.reached.open("a") as file:
            file.write("x")
        while not self.opened.exists():
            time.sleep(0.02)

    def count_runs(self) -> int:
        return len(self.reached.read_text()) if self.reached.exists() else 0

    def run_meanwhile(self, write: Callable[[], Any], act: Callable[[], Any]) -> list[Exception]:
        """Start `write`, call `act` while it waits at the gate, open the gate; return the errors of `write`."""
        errors: list[Exception] = []

        def run() -> None:
            try:
                write()
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            while not self.count_runs() and thread.is_alive():
                time.sleep(0.02)
            act()
        finally:
            self.opened.touch()
            thread.join()
        return errors


@pytest.fixture
def gate(tmp_path) -> Gate:
    return Gate(tmp_path)


def test_a_write_is_repeated_after_a_concurrent_compaction_and_takes_effect_once(spark, tmp_path, gate):
    collection, daily = start_attempt(spark, tmp_path), start_attempt(spark, tmp_path, Writer.PREPROCESSING)
    for number in range(6):
        collection.append(TABLE, make_rows(collection, number))
    frame = gate.hold_tasks(make_rows(collection, 1, 9))
    compacted = []
    errors = gate.run_meanwhile(
        lambda: collection.replace_and_append(TABLE, frame, "file_id = 1"),
        lambda: compacted.append(compact(daily.storage, TABLE, [DAY])),
    )
    assert (errors, compacted, gate.count_runs()) == ([], [1], 2)  # one conflict, then the write succeeded
    assert read_ids(collection) == [0, 1, 2, 3, 4, 5, 9]


def test_a_landing_succeeds_although_files_are_compacted_meanwhile(pipeline, gate, monkeypatch):
    for hour in range(6):
        pipeline.put(f"{hour}.csv", HEAD + event_line(time=f"{hour:02}:00:00", item_id=hour + 1))
    pipeline.land()
    before = pipeline.values(tables.RAW_EVENTS, "item_id", "timestamp")
    pipeline.put("2.csv", HEAD + event_line(time="07:00:00", item_id=70) + event_line(time="08:00:00", item_id=80))
    parsed = landing._parse_group
    monkeypatch.setattr(landing, "_parse_group", lambda *arguments: gate.hold_tasks(parsed(*arguments)))
    ctx, compacted = pipeline.ctx(), []
    ctx.leases = lease.take_leases(ctx.storage, [lock.Hold(Writer.COLLECTION, unclean=False)])
    ctx = ctx.write_as(Writer.COLLECTION)
    daily = start_attempt(pipeline.spark, pipeline.folder, Writer.PREPROCESSING)
    errors = gate.run_meanwhile(
        lambda: landing.land(ctx, rehash=False),
        lambda: compacted.append(compact(daily.storage, tables.RAW_EVENTS, [DAY])),
    )
    assert (errors, compacted) == ([], [1])
    kept = [row for row in before if row[0] != 3]
    assert pipeline.values(tables.RAW_EVENTS, "item_id", "timestamp") == sorted(
        [*kept, (70, DAY.replace(hour=7)), (80, DAY.replace(hour=8))], key=str
    )
    monkeypatch.undo()
    assert pipeline.land()["files_landed"] == 0


def test_a_compaction_that_conflicts_with_a_write_compacts_nothing(spark, tmp_path, gate, monkeypatch):
    """A file is removed while the compaction lists the files, so its commit conflicts.

    Both cores wait at the gate. The commit that removes the file is written by hand because no Spark job can run then.
    """
    collection = start_attempt(spark, tmp_path)
    for number in range(6):
        collection.append(TABLE, make_rows(collection, number))
    (address,) = collection.storage.list_files(TABLE, where="file_id = 1")
    file = address.rpartition("/")[2]
    remove = {"path": f"event_date=2019-10-01/{file}", "deletionTimestamp": 1_570_000_000_000, "dataChange": True}
    log = Path(collection.storage.path(TABLE)) / "_delta_log" / f"{collection.storage.version(TABLE) + 1:020}.json"
    monkeypatch.setattr(files, "_find_fragmented_days", lambda *_: [DAY])  # the real search needs a core
    compacted: list[int] = []
    compaction = threading.Thread(target=lambda: compacted.append(compact(collection.storage, TABLE, [DAY])))

    def remove_file_meanwhile() -> None:
        compaction.start()
        while len(spark.sparkContext.statusTracker().getActiveJobsIds()) < 2:
            time.sleep(0.02)
        log.write_text(json.dumps({"remove": remove}) + "\n")

    errors = gate.run_meanwhile(gate.hold_tasks(spark.range(0, 2, 1, 2)).count, remove_file_meanwhile)
    compaction.join()
    assert (errors, compacted) == ([], [0])
    assert read_ids(collection) == [0, 2, 3, 4, 5]


def test_an_attempt_that_is_superseded_during_a_commit_raises_superseded_error(spark, tmp_path, gate):
    first = start_attempt(spark, tmp_path)
    first.append(TABLE, make_rows(first, 1))
    frame = gate.hold_tasks(make_rows(first, 1, 2))

    def write_as_second_attempt() -> None:
        second = start_attempt(spark, tmp_path)
        second.replace(TABLE, make_rows(second, 3), None)

    errors = gate.run_meanwhile(lambda: first.replace(TABLE, frame, None), write_as_second_attempt)
    assert [type(error) for error in errors] == [SupersededError]
    assert read_ids(first) == [3]


def test_two_writers_can_create_the_same_table_at_the_same_moment(spark, tmp_path):
    for table in (tables.DAY_STATUS, tables.DAY_BUILDS, tables.HOUR_STATUS):
        errors, both = [], threading.Barrier(2)

        def create(table=table, errors=errors, both=both) -> None:
            storage = Storage(spark, str(tmp_path / "warehouse"))
            both.wait()
            try:
                unfenced_writer(storage).create(table)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=create) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert Storage(spark, str(tmp_path / "warehouse")).version(table) == 0


def test_a_lease_that_another_run_takes_at_the_same_moment_is_refused(spark, tmp_path, gate, monkeypatch):
    start_attempt(spark, tmp_path)
    late = Storage(spark, str(tmp_path / "warehouse"))
    begin = DeltaLog.begin

    def begin_late(log: DeltaLog, **options):
        transaction = begin(log, **options)
        if log is late.log(tables.LEASES):
            gate.wait()
        return transaction

    monkeypatch.setattr(DeltaLog, "begin", begin_late)
    errors = gate.run_meanwhile(
        lambda: lease.take_leases(late, [lock.Hold(Writer.COLLECTION, unclean=False)]),
        lambda: start_attempt(spark, tmp_path),
    )
    assert [type(error) for error in errors] == [BusyError]
    assert "another run starts at this moment" in str(errors[0])


def test_an_append_is_refused_if_an_earlier_attempt_appended_meanwhile(spark, tmp_path, gate):
    # Nothing seals the tables against the earlier attempt.
    earlier, later = start_attempt(spark, tmp_path), start_attempt(spark, tmp_path)
    frame = gate.hold_tasks(make_rows(later, 2))
    errors = gate.run_meanwhile(
        lambda: later.append(TABLE, frame), lambda: earlier.append(TABLE, make_rows(earlier, 1))
    )
    assert [type(error) for error in errors] == [BusyError]
    assert read_ids(later) == [1]


def test_a_commit_whose_answer_is_lost_is_not_treated_as_a_conflict(spark, tmp_path, monkeypatch):
    """The log store writes the commit and does not learn of it; when it tries again, it finds its own file there."""
    writer = start_attempt(spark, tmp_path)

    def losing_the_answer(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_and_fail(*arguments: Any) -> None:
            write(*arguments)
            raise captured.ConcurrentTransactionException("lost", "")

        return write_and_fail

    writer.create(TABLE)
    monkeypatch.setattr(DataFrameWriter, "save", losing_the_answer(DataFrameWriter.save))
    writer.append(TABLE, make_rows(writer, 1))
    writer.replace(TABLE, make_rows(writer, 2), None)
    monkeypatch.setattr(Transaction, "commit", losing_the_answer(Transaction.commit))
    leases = writer.storage.rows(tables.LEASES)
    writer.add_rows(tables.LEASES, leases)
    assert read_ids(writer) == [2] and writer.storage.rows(tables.LEASES) == leases * 2


def test_a_write_that_keeps_conflicting_with_others_fails_with_one_sentence(spark, tmp_path, monkeypatch):
    collection, daily = start_attempt(spark, tmp_path), start_attempt(spark, tmp_path, Writer.PREPROCESSING)
    collection.append(TABLE, make_rows(collection, 1))
    turns = [Gate(tmp_path / str(turn)) for turn in range(ATTEMPTS)]
    for turn in turns:
        turn.folder.mkdir()
    folders = [str(turn.folder) for turn in turns]

    def wait(batches: Iterator[Any]) -> Iterator[Any]:
        here = next(folder for folder in map(Path, folders) if not (folder / "opened").exists())
        (here / "reached").touch()
        while not (here / "opened").exists():
            time.sleep(0.02)
        yield from batches

    frame = make_rows(collection, 2)
    errors: list[Exception] = []

    def write() -> None:
        try:
            collection.replace(TABLE, frame.mapInArrow(wait, frame.schema), "event_date = DATE '2019-10-01'")
        except BusyError as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    for number, turn in enumerate(turns):
        while not turn.reached.exists():
            time.sleep(0.02)
        daily.append(TABLE, make_rows(daily, 10 + number))
        turn.opened.touch()
    thread.join()
    assert [str(error) for error in errors] == [
        f"{collection.storage.path(TABLE)}: other writers keep changing it; run this again."
    ]
    assert read_ids(collection) == [1, *range(10, 10 + ATTEMPTS)]
