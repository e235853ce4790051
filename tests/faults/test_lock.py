"""Locks and leases: a lock ends with its process, a silent holder is replaced, only the latest lease may write."""

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
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.loader import PostgresLoader
from tests.project import ROOT

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
    """Start another process that holds the lock."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "False\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_a_killed_run_leaves_only_a_mark(tmp_path, holder):
    with (
        pytest.raises(BusyError, match=f"already running .process {holder.pid}."),
        lock.hold(str(tmp_path), "collection"),
    ):
        pass
    with lock.hold(str(tmp_path), "preprocessing") as hold:
        assert not hold.unclean
    holder.kill()
    holder.wait()
    with lock.hold(str(tmp_path), "collection") as hold:
        assert hold.unclean
        hold.unclean = False  # as a lease does after it has sealed the tables
    with lock.hold(str(tmp_path), "collection") as hold:
        assert not hold.unclean


def test_a_frozen_holder_is_replaced_and_exits_when_it_wakes(tmp_path, holder, monkeypatch, capfd):
    os.kill(holder.pid, signal.SIGSTOP)
    monkeypatch.setattr(lock, "SILENT_SECONDS", 0.5)
    time.sleep(0.7)
    with lock.hold(str(tmp_path), "collection") as hold:
        assert hold.unclean
        hold.unclean = False  # as a lease does after it has sealed the tables
        os.kill(holder.pid, signal.SIGCONT)
        assert holder.wait(10) == BusyError.exit_code
    assert holder.stderr.read() == (
        "collection: another run has replaced this one, which gave no sign of life for too long.\n"
    )
    assert "has given no sign of life" in capfd.readouterr().err


@pytest.fixture
def remote(tmp_path):
    """Return a warehouse in another file system and the local folder that contains its locks."""
    warehouse = f"s3a://bucket{tmp_path}"
    folder = Path("/tmp") / lock._name_folder(warehouse)
    yield warehouse, folder
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_locks_of_a_remote_warehouse_are_in_a_private_folder(remote):
    warehouse, folder = remote
    folder.mkdir(mode=0o755)  # as an earlier version created it
    with lock.hold(warehouse, "collection"):
        assert folder.stat().st_mode & 0o777 == 0o700 and (folder / ".collection.lock").exists()


@pytest.mark.parametrize("kind", ["link", "broken link", "file", "foreign"])
def test_a_lock_folder_that_is_not_the_users_own_is_refused(remote, tmp_path, kind):
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


def test_opening_the_database_does_not_wait_for_writers(database, postgres):
    with psycopg2.connect(choose_address(database, "local")) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE user_events IN ROW EXCLUSIVE MODE")
        url = choose_address(database, "local")
        PostgresLoader(f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D2s").connection.close()


def test_only_the_latest_lease_commits_to_delta(spark, tmp_path):
    def start_attempt(unclean: bool) -> TableWriter:
        storage = Storage(spark, str(tmp_path))
        return lease.take_leases(storage, [lock.Hold(Writer.COLLECTION, unclean)])[Writer.COLLECTION].table_writer(
            storage
        )

    first = start_attempt(unclean=False)
    row = {"unit": "2019-10-01T05", "month": "2019-10", "hour": datetime(2019, 10, 1, 5), "status": "empty"}
    row |= dict.fromkeys(("raw_rows", "valid_rows", "rejected_rows"), 0)
    row |= {"raw_digest": "", "content_digest": "", "reasons": {}, "warnings": [], "updated_at": datetime(2019, 10, 2)}
    frame = first.storage.frame(tables.HOUR_STATUS, [row])
    first.append(tables.HOUR_STATUS, frame)
    second = start_attempt(unclean=True)
    for write in (first.append, lambda table, rows: first.replace(table, rows, None)):
        with pytest.raises(SupersededError, match="hour_status was not written"):
            write(tables.HOUR_STATUS, frame)
    assert second.storage.read(tables.HOUR_STATUS).count() == 1
    second.append(tables.HOUR_STATUS, frame)
    assert second.storage.read(tables.HOUR_STATUS).count() == 2


def test_the_tables_accept_an_earlier_attempt_until_a_run_has_sealed_them(spark, tmp_path, monkeypatch):
    warehouse, writer_name = str(tmp_path), Writer.COLLECTION
    (tmp_path / f".{writer_name}.lock").write_text("process 1")  # it did not release the lock
    with lock.hold(warehouse, writer_name) as first:
        pass  # ends before it takes a lease
    assert first.unclean
    with lock.hold(warehouse, writer_name) as second, monkeypatch.context() as patch:
        patch.setattr(TableWriter, "seal", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lease.take_leases(Storage(spark, warehouse), [second])
    with lock.hold(warehouse, writer_name) as third:
        assert third.unclean
        lease.take_leases(Storage(spark, warehouse), [third])
        assert not third.unclean
    with lock.hold(warehouse, writer_name) as fourth:
        assert not fourth.unclean


def test_only_the_latest_lease_commits_to_postgres(database, postgres):
    url = choose_address(database, "local")
    first = PostgresLoader(url, lease.Lease("collection", 1, "tested"))
    first.unstage()
    with PostgresLoader(url, lease.Lease("collection", 2, "tested")) as second:
        with pytest.raises(DatabaseError, match="cannot be reached or refuses"):
            first.unstage()  # the second lease closed its connection
        with pytest.raises(SupersededError, match="nothing more is written"):
            PostgresLoader(url, lease.Lease("collection", 1, "tested"))
        second.unstage()
    with pytest.raises(DatabaseError, match=r"another warehouse, tested .* this one is another "):
        PostgresLoader(url, lease.Lease("collection", 1, "another"))


def test_the_next_run_repairs_log_files_that_were_named_with_arabic_digits(spark, tmp_path):
    def take_lease() -> str:
        spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        leases = lease.take_leases(Storage(spark, str(tmp_path)), [lock.Hold(Writer.COLLECTION, unclean=False)])
        return leases[Writer.COLLECTION].warehouse

    first = take_lease()
    log, arabic = tmp_path / "leases" / "_delta_log", str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    files = [path for path in log.iterdir() if path.is_file()]
    for path in files:
        path.rename(path.with_name(path.name.translate(arabic)))
    assert take_lease() == first  # the row of the first lease was found again
    (log / "00000000000000000000.json".translate(arabic)).touch()
    assert take_lease() == first
    assert all(path.name.isascii() for path in log.iterdir())
    assert len(list(log.glob("*.json"))) == len([path for path in files if path.suffix == ".json"]) + 2
