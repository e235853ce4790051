"""The ledger read without Spark: the same rows, the same status, and no JVM."""

import io
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console as RichConsole

from spark_jobs import session, tables
from spark_jobs.commands import status
from spark_jobs.delta.storage import Storage
from spark_jobs.inspection.ledger_reader import LedgerReader, read_ledger
from spark_jobs.observability.console import Console
from spark_jobs.settings import ROOT
from tests.conftest import HEAD
from tests.unfenced import unfenced
from tests.unit.delta.test_row_table import HOUR

LEDGER = (tables.LANDED_FILES, tables.HOUR_STATUS, tables.DAY_BUILDS, tables.DAY_STATUS)
ROW = "2019-10-01 0{hour}:00:00 UTC,view,{item},77,a.b,acme,5,501,s\n"


def printed(ctx) -> str:
    console = Console()
    console.out = RichConsole(file=io.StringIO(), width=300)
    status.show(ctx, console)
    return console.out.file.getvalue()


def test_rows_and_status_are_those_that_spark_reads(seeded):
    ctx, reader = seeded.ctx(), read_ledger(seeded.settings, "status", print)
    for table in LEDGER:
        found, due = (sorted(source.rows(table), key=repr) for source in (reader.storage, ctx.storage))
        assert found == due and found
        assert reader.storage.version(table) == ctx.storage.version(table)
    assert printed(reader) == printed(ctx)


def test_nothing_is_there_before_the_first_run(tmp_path):
    reader = LedgerReader(str(tmp_path / "none"))
    assert (reader.exists(tables.LEASES), reader.rows(tables.LEASES), reader.version(tables.LEASES)) == (False, [], -1)


def test_a_folder_of_any_name_is_read(spark, tmp_path):
    folder = str(tmp_path / "My Räume #1 [a=b]")
    storage = Storage(spark, folder)
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"status": "stopped"}], ["2019-10"])
    assert LedgerReader(folder).rows(tables.HOUR_STATUS) == [HOUR | {"status": "stopped"}]


def test_a_checkpoint_replaces_the_log_before_it(spark, tmp_path):
    storage = Storage(spark, str(tmp_path))
    for number in range(22):  # a checkpoint every 20
        unfenced(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": number}], ["2019-10"])
    log = tmp_path / "hour_status" / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    for version in range(20):
        (log / f"{version:020}.json").unlink()
    assert LedgerReader(str(tmp_path)).rows(tables.HOUR_STATUS) == [HOUR | {"raw_rows": 21}]


def test_the_command_starts_no_jvm(pipeline):
    pipeline.put("a.csv", HEAD + ROW.format(hour=0, item=1))
    pipeline.land()
    code = (
        "import sys; from spark_jobs.commands import status; status.main(); from pyspark import SparkContext; "
        "sys.exit(9 if SparkContext._gateway else 0)"
    )
    options = ["--set", f"paths.warehouse='{pipeline.settings.paths.warehouse}'"]
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "2019-10-01" in done.stdout and "dirty: 2019-10-01T00" in done.stdout


@pytest.mark.parametrize("address", ["hdfs://host/w", "abfss://host/w", "/data/100%25"])
def test_what_deltalake_does_not_reach_is_read_by_spark_which_is_said(seeded, monkeypatch, address):
    said, started = [], []
    monkeypatch.setattr(session, "spark_session", lambda name: started.append(name) or seeded.spark)
    settings = SimpleNamespace(paths=SimpleNamespace(warehouse=address))
    read_ledger(settings, "status", said.append)
    assert started == ["status"]
    assert said == [f"starting Spark, because only Spark can read {address}."]
