"""Writers of one table at the same moment: files joined beside a write, two parts at once, a superseded attempt."""

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
from tests.conftest import HEAD
from tests.unfenced import unfenced

DAY = datetime(2019, 10, 1)
TABLE = tables.REJECTED_EVENTS


def attempt(spark, folder: Path, name: Writer = Writer.COLLECTION) -> TableWriter:
    """A writer under its next lease."""
    storage = Storage(spark, str(folder / "warehouse"))
    return lease.take_leases(storage, [lock.Hold(name, unclean=False)])[name].table_writer(storage)


def rows(writer: TableWriter, *ids: int):
    row = {"event_date": DAY.date(), "hour": DAY, "reasons": ["x"], "raw_text": "r", "file_name": "f"}
    return writer.storage.frame(TABLE, [row | {"file_id": number} for number in ids]).coalesce(1)


def ids(writer: TableWriter) -> list[int]:
    return sorted(row.file_id for row in writer.storage.read(TABLE).collect())


class Gate:
    """Holds every run of a frame's task until it is opened, and counts them."""

    def __init__(self, folder: Path):
        self.folder, self.reached, self.opened = folder, folder / "reached", folder / "opened"

    def before(self, frame):
        """The frame; its task waits at the gate."""
        reached, opened = self.reached, self.opened

        def wait(batches: Iterator[Any]) -> Iterator[Any]:
            with reached.open("a") as file:
                file.write("x")
            while not opened.exists():
                time.sleep(0.02)
            yield from batches

        return frame.mapInArrow(wait, frame.schema)

    def wait(self) -> None:
        """Waits at the gate here, in the driver."""
        with self.reached.open("a") as file:
            file.write("x")
        while not self.opened.exists():
            time.sleep(0.02)

    def runs(self) -> int:
        return len(self.reached.read_text()) if self.reached.exists() else 0

    def meanwhile(self, write: Callable[[], Any], act: Callable[[], Any]) -> list[Exception]:
        """Starts `write`, does `act` while it waits at the gate, lets it go on; the error that it ended with."""
        failed: list[Exception] = []

        def run() -> None:
            try:
                write()
            except Exception as error:
                failed.append(error)

        beside = threading.Thread(target=run)
        beside.start()
        try:
            while not self.runs() and beside.is_alive():
                time.sleep(0.02)
            act()
        finally:
            self.opened.touch()
            beside.join()
        return failed


@pytest.fixture
def gate(tmp_path) -> Gate:
    return Gate(tmp_path)


def test_a_write_that_finds_files_joined_meanwhile_is_made_once_all_the_same(spark, tmp_path, gate):
    collection, daily = attempt(spark, tmp_path), attempt(spark, tmp_path, Writer.PREPROCESSING)
    for number in range(6):
        collection.append(TABLE, rows(collection, number))
    frame = gate.before(rows(collection, 1, 9))
    joined = []
    failed = gate.meanwhile(
        lambda: collection.replace_and_append(TABLE, frame, "file_id = 1"),
        lambda: joined.append(compact(daily.storage, TABLE, [DAY])),
    )
    assert (failed, joined, gate.runs()) == ([], [1], 2)  # in conflict once, then made
    assert ids(collection) == [0, 1, 2, 3, 4, 5, 9]


def test_a_landing_that_finds_files_joined_meanwhile_lands_all_the_same(pipeline, gate, monkeypatch):
    line = "2019-10-01 {hour:02}:00:00 UTC,view,{user},77,,,5,501,s\n"
    for hour in range(6):
        pipeline.put(f"{hour}.csv", HEAD + line.format(hour=hour, user=hour + 1))
    pipeline.land()
    before = pipeline.values(tables.RAW_EVENTS, "item_id", "timestamp")
    pipeline.put("2.csv", HEAD + line.format(hour=7, user=70) + line.format(hour=8, user=80))
    parsed = landing._parsed
    monkeypatch.setattr(landing, "_parsed", lambda *given: gate.before(parsed(*given)))
    ctx, joined = pipeline.ctx(), []
    ctx.leases = lease.take_leases(ctx.storage, [lock.Hold(Writer.COLLECTION, unclean=False)])
    ctx = ctx.write_as(Writer.COLLECTION)
    daily = attempt(pipeline.spark, pipeline.folder, Writer.PREPROCESSING)
    failed = gate.meanwhile(
        lambda: landing.land(ctx, rehash=False), lambda: joined.append(compact(daily.storage, tables.RAW_EVENTS, [DAY]))
    )
    assert (failed, joined) == ([], [1])
    kept = [row for row in before if row[0] != 3]
    assert pipeline.values(tables.RAW_EVENTS, "item_id", "timestamp") == sorted(
        [*kept, (70, DAY.replace(hour=7)), (80, DAY.replace(hour=8))], key=str
    )
    monkeypatch.undo()
    assert pipeline.land()["files_landed"] == 0


def test_joining_files_gives_way_to_a_write(spark, tmp_path, gate, monkeypatch):
    """Both cores wait at the gate: the joining has begun and looks for its files, and a file is gone before it commits.

    That commit is written by hand, for nothing else can run meanwhile.
    """
    collection = attempt(spark, tmp_path)
    for number in range(6):
        collection.append(TABLE, rows(collection, number))
    file = collection.storage.read(TABLE).where("file_id = 1").inputFiles()[0].rpartition("/")[2]
    remove = {"path": f"event_date=2019-10-01/{file}", "deletionTimestamp": 1_570_000_000_000, "dataChange": True}
    log = Path(collection.storage.path(TABLE)) / "_delta_log" / f"{collection.storage.version(TABLE) + 1:020}.json"
    monkeypatch.setattr(files, "_with_many_files", lambda *_: [DAY])  # looking takes a core
    joined: list[int] = []
    joining = threading.Thread(target=lambda: joined.append(compact(collection.storage, TABLE, [DAY])))

    def removed_meanwhile() -> None:
        joining.start()
        while len(spark.sparkContext.statusTracker().getActiveJobsIds()) < 2:
            time.sleep(0.02)
        log.write_text(json.dumps({"remove": remove}) + "\n")

    failed = gate.meanwhile(gate.before(spark.range(0, 2, 1, 2)).count, removed_meanwhile)
    joining.join()
    assert (failed, joined) == ([], [0])
    assert ids(collection) == [0, 2, 3, 4, 5]


def test_an_attempt_that_is_superseded_in_the_middle_of_a_commit_ends_as_superseded(spark, tmp_path, gate):
    first = attempt(spark, tmp_path)
    first.append(TABLE, rows(first, 1))
    frame = gate.before(rows(first, 1, 2))

    def later() -> None:
        second = attempt(spark, tmp_path)
        second.replace(TABLE, rows(second, 3), None)

    failed = gate.meanwhile(lambda: first.replace(TABLE, frame, None), later)
    assert [type(error) for error in failed] == [SupersededError]
    assert ids(first) == [3]


def test_a_table_that_two_parts_create_at_the_same_moment_is_created(spark, tmp_path):
    for table in (tables.DAY_STATUS, tables.DAY_BUILDS, tables.HOUR_STATUS):
        failed, both = [], threading.Barrier(2)

        def create(table=table, failed=failed, both=both) -> None:
            storage = Storage(spark, str(tmp_path / "warehouse"))
            both.wait()
            try:
                unfenced(storage).create(table)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=create) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert Storage(spark, str(tmp_path / "warehouse")).version(table) == 0


def test_a_lease_that_another_takes_at_the_same_moment_is_refused(spark, tmp_path, gate, monkeypatch):
    attempt(spark, tmp_path)
    late = Storage(spark, str(tmp_path / "warehouse"))
    begin = DeltaLog.begin

    def late_begin(log: DeltaLog, **options):
        begun = begin(log, **options)
        if log is late.log(tables.LEASES):
            gate.wait()
        return begun

    monkeypatch.setattr(DeltaLog, "begin", late_begin)
    failed = gate.meanwhile(
        lambda: lease.take_leases(late, [lock.Hold(Writer.COLLECTION, unclean=False)]), lambda: attempt(spark, tmp_path)
    )
    assert [type(error) for error in failed] == [BusyError]
    assert "another run starts at this moment" in str(failed[0])


def test_rows_are_not_added_beside_those_of_an_earlier_attempt(spark, tmp_path, gate):
    earlier, later = attempt(spark, tmp_path), attempt(spark, tmp_path)  # nothing closes the tables to the earlier one
    frame = gate.before(rows(later, 2))
    failed = gate.meanwhile(lambda: later.append(TABLE, frame), lambda: earlier.append(TABLE, rows(earlier, 1)))
    assert [type(error) for error in failed] == [BusyError]
    assert ids(later) == [1]


def test_a_commit_whose_answer_is_lost_is_no_conflict(spark, tmp_path, monkeypatch):
    """A log store that wrote the commit and then finds its own file there when it tries again."""
    writer = attempt(spark, tmp_path)

    def then_lost(write: Callable[..., Any]) -> Callable[..., Any]:
        def lost(*arguments: Any) -> None:
            write(*arguments)
            raise captured.ConcurrentTransactionException("lost", "")

        return lost

    writer.create(TABLE)
    monkeypatch.setattr(DataFrameWriter, "save", then_lost(DataFrameWriter.save))
    writer.append(TABLE, rows(writer, 1))
    writer.replace(TABLE, rows(writer, 2), None)
    monkeypatch.setattr(Transaction, "commit", then_lost(Transaction.commit))
    leases = writer.storage.rows(tables.LEASES)
    writer.add_rows(tables.LEASES, leases)
    assert ids(writer) == [2] and writer.storage.rows(tables.LEASES) == leases * 2


def test_a_write_that_others_keep_getting_ahead_of_ends_in_one_sentence(spark, tmp_path, monkeypatch):
    collection, daily = attempt(spark, tmp_path), attempt(spark, tmp_path, Writer.PREPROCESSING)
    collection.append(TABLE, rows(collection, 1))
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

    frame = rows(collection, 2)
    failed: list[Exception] = []

    def write() -> None:
        try:
            collection.replace(TABLE, frame.mapInArrow(wait, frame.schema), "event_date = DATE '2019-10-01'")
        except BusyError as error:
            failed.append(error)

    beside = threading.Thread(target=write)
    beside.start()
    for number, turn in enumerate(turns):
        while not turn.reached.exists():
            time.sleep(0.02)
        daily.append(TABLE, rows(daily, 10 + number))
        turn.opened.touch()
    beside.join()
    assert [str(error) for error in failed] == [
        f"{collection.storage.path(TABLE)}: other writers keep changing it; run this again."
    ]
    assert ids(collection) == [1, *range(10, 10 + ATTEMPTS)]
