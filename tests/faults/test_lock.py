"""Who may write: a lock that ends with its process, a silent holder that is replaced, the latest lease and no other."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import psycopg2
import pytest

from spark_jobs import tables
from spark_jobs.coordination import lease, lock
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, DatabaseError, PipelineError, SupersededError
from spark_jobs.flow import Writer
from spark_jobs.postgres.database import address
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.settings import ROOT

HOLDS = """
import sys, time
from spark_jobs.coordination import lock
lock.BEAT_SECONDS = 0.1
with lock.hold(sys.argv[1], "collection") as held:
    print(held.unclean, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "False\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_one_is_refused_by_name_and_a_killed_one_leaves_only_its_mark(tmp_path, holder):
    with (
        pytest.raises(BusyError, match=f"already running .process {holder.pid}."),
        lock.hold(str(tmp_path), "collection"),
    ):
        pass
    with lock.hold(str(tmp_path), "preprocessing") as held:
        assert not held.unclean
    holder.kill()
    holder.wait()
    with lock.hold(str(tmp_path), "collection") as held:
        assert held.unclean
        held.unclean = False  # as a lease does that has closed the tables
    with lock.hold(str(tmp_path), "collection") as held:
        assert not held.unclean


def test_a_frozen_holder_is_replaced_and_ends_itself_when_it_wakes(tmp_path, holder, monkeypatch, capfd):
    os.kill(holder.pid, signal.SIGSTOP)
    monkeypatch.setattr(lock, "SILENT_SECONDS", 0.5)
    time.sleep(0.7)
    with lock.hold(str(tmp_path), "collection") as held:
        assert held.unclean
        held.unclean = False  # as a lease does that has closed the tables
        os.kill(holder.pid, signal.SIGCONT)
        assert holder.wait(10) == BusyError.exit_code
    assert holder.stderr.read() == (
        "collection: another run has replaced this one, which gave no sign of life for too long.\n"
    )
    assert "has given no sign of life" in capfd.readouterr().err


@pytest.fixture
def remote(tmp_path):
    """A warehouse in another file system, and the folder on this machine that has its locks."""
    warehouse = f"s3a://bucket{tmp_path}"
    folder = Path("/tmp") / lock._number(warehouse)
    yield warehouse, folder
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_locks_of_a_remote_warehouse_are_in_a_folder_of_ones_own(remote):
    warehouse, folder = remote
    folder.mkdir(mode=0o755)  # as an earlier version made it
    with lock.hold(warehouse, "collection"):
        assert folder.stat().st_mode & 0o777 == 0o700 and (folder / ".collection.lock").exists()


@pytest.mark.parametrize("kind", ["link", "broken link", "file", "foreign"])
def test_a_folder_for_locks_that_is_not_ones_own_is_refused(remote, tmp_path, kind):
    warehouse, folder = remote
    if kind == "file":
        folder.touch()
    elif kind == "foreign":
        folder.mkdir()
        if os.geteuid() != 0:
            pytest.skip("takes root")
        os.chown(folder, 54321, -1)
    else:
        folder.symlink_to(tmp_path if kind == "link" else tmp_path / "nothing")
    with pytest.raises(PipelineError, match="is not a folder of your own"), lock.hold(warehouse, "collection"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_opening_the_database_waits_for_nobody_who_writes(database, postgres):
    with psycopg2.connect(address(database, "local")) as writing, writing.cursor() as cursor:
        cursor.execute("LOCK TABLE user_events IN ROW EXCLUSIVE MODE")
        url = address(database, "local")
        PostgresLoader(f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D2s").connection.close()


def test_only_the_latest_lease_commits_to_delta(spark, tmp_path):
    def attempt(unclean: bool) -> TableWriter:
        storage = Storage(spark, str(tmp_path))
        return lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean)])[Writer.COLLECTION].table_writer(
            storage
        )

    first = attempt(unclean=False)
    row = {"unit": "2019-10-01T05", "month": "2019-10", "hour": datetime(2019, 10, 1, 5), "status": "empty"}
    row |= dict.fromkeys(("raw_rows", "valid_rows", "rejected_rows"), 0)
    row |= {"raw_digest": "", "content_digest": "", "reasons": {}, "warnings": [], "updated_at": datetime(2019, 10, 2)}
    frame = first.storage.frame(tables.HOUR_STATUS, [row])
    first.append(tables.HOUR_STATUS, frame)
    second = attempt(unclean=True)
    for late in (first.append, lambda table, rows: first.replace(table, rows, None)):
        with pytest.raises(SupersededError, match="hour_status was not written"):
            late(tables.HOUR_STATUS, frame)
    assert second.storage.read(tables.HOUR_STATUS).count() == 1
    second.append(tables.HOUR_STATUS, frame)
    assert second.storage.read(tables.HOUR_STATUS).count() == 2


def test_the_tables_stay_open_to_an_earlier_attempt_until_a_run_has_closed_them(spark, tmp_path, monkeypatch):
    warehouse, part = str(tmp_path), Writer.COLLECTION
    (tmp_path / f".{part}.lock").write_text("process 1")  # it did not give the lock back
    with lock.hold(warehouse, part) as first:
        pass  # ends before it takes a lease
    assert first.unclean
    with lock.hold(warehouse, part) as second, monkeypatch.context() as patched:
        patched.setattr(TableWriter, "seal", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lease.take_leases(Storage(spark, warehouse), [second])
    with lock.hold(warehouse, part) as third:
        assert third.unclean
        lease.take_leases(Storage(spark, warehouse), [third])
        assert not third.unclean
    with lock.hold(warehouse, part) as fourth:
        assert not fourth.unclean


def test_only_the_latest_lease_commits_to_postgres(database, postgres):
    url = address(database, "local")
    first = PostgresLoader(url, lease.Lease("collection", 1, "tested"))
    first.unstage()
    with PostgresLoader(url, lease.Lease("collection", 2, "tested")) as second:
        with pytest.raises(DatabaseError, match="cannot be reached or refuses"):
            first.unstage()  # its connection was ended
        with pytest.raises(SupersededError, match="nothing more is written"):
            PostgresLoader(url, lease.Lease("collection", 1, "tested"))
        second.unstage()
    with pytest.raises(DatabaseError, match=r"another warehouse, tested .* this one is another "):
        PostgresLoader(url, lease.Lease("collection", 1, "another"))


def test_a_warehouse_damaged_in_a_language_with_digits_of_its_own_is_repaired_by_the_next_run(spark, tmp_path):
    def warehouse() -> str:
        spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        taken = lease.take_leases(Storage(spark, str(tmp_path)), [lock.Hold(Writer.COLLECTION, unclean=False)])
        return taken[Writer.COLLECTION].warehouse

    first = warehouse()
    log, arabic = tmp_path / "leases" / "_delta_log", str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    files = [path for path in log.iterdir() if path.is_file()]
    for path in files:
        path.rename(path.with_name(path.name.translate(arabic)))
    assert warehouse() == first  # the row of the first lease is there
    (log / "00000000000000000000.json".translate(arabic)).touch()
    assert warehouse() == first
    assert all(path.name.isascii() for path in log.iterdir())
    assert len(list(log.glob("*.json"))) == len([path for path in files if path.suffix == ".json"]) + 2
