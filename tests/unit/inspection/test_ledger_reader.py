"""Read the ledger without Spark: the same rows, the same status, and no JVM."""

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
from tests.events import HEAD, event_line
from tests.project import ROOT
from tests.unfenced import unfenced_writer
from tests.unit.delta.test_row_table import HOUR

LEDGER = (tables.LANDED_FILES, tables.HOUR_STATUS, tables.DAY_BUILDS, tables.DAY_STATUS)


def render_status(ctx) -> str:
    console = Console()
    console.out = RichConsole(file=io.StringIO(), width=300)
    status.show(ctx, console)
    return console.out.file.getvalue()


def test_rows_and_status_are_the_same_as_with_spark(seeded):
    ctx, reader = seeded.ctx(), read_ledger(seeded.settings, "status", print)
    for table in LEDGER:
        found, expected = (sorted(source.rows(table), key=repr) for source in (reader.storage, ctx.storage))
        assert found == expected and found
        assert reader.storage.version(table) == ctx.storage.version(table)
    assert render_status(reader) == render_status(ctx)


def test_the_ledger_is_empty_before_the_first_run(tmp_path):
    reader = LedgerReader(str(tmp_path / "none"))
    assert (reader.exists(tables.LEASES), reader.rows(tables.LEASES), reader.version(tables.LEASES)) == (False, [], -1)


def test_a_folder_with_special_characters_in_its_name_can_be_read(spark, tmp_path):
    folder = str(tmp_path / "My Räume #1 [a=b]")
    storage = Storage(spark, folder)
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR])
    unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"status": "stopped"}], ["2019-10"])
    assert LedgerReader(folder).rows(tables.HOUR_STATUS) == [HOUR | {"status": "stopped"}]


def test_a_checkpoint_replaces_the_log_before_it(spark, tmp_path):
    storage = Storage(spark, str(tmp_path))
    for number in range(22):  # there is a checkpoint every 20 commits
        unfenced_writer(storage).put_rows(tables.HOUR_STATUS, [HOUR | {"raw_rows": number}], ["2019-10"])
    log = tmp_path / "hour_status" / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    for version in range(20):
        (log / f"{version:020}.json").unlink()
    assert LedgerReader(str(tmp_path)).rows(tables.HOUR_STATUS) == [HOUR | {"raw_rows": 21}]


def test_the_status_command_starts_no_jvm(pipeline):
    pipeline.put("a.csv", HEAD + event_line(time="00:00:00", item_id=1))
    pipeline.land()
    code = (
        "import sys; from spark_jobs.commands import status; status.main(sys.argv[1:]); "
        "from pyspark import SparkContext; sys.exit(9 if SparkContext._gateway else 0)"
    )
    setting = f"paths.warehouse='{pipeline.settings.paths.warehouse}'"
    result = subprocess.run(
        [sys.executable, "-c", code, setting], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    assert "2019-10-01" in result.stdout and "dirty: 2019-10-01T00" in result.stdout


@pytest.mark.parametrize("address", ["hdfs://host/w", "abfss://host/w", "/data/100%25"])
def test_an_address_that_deltalake_cannot_read_is_read_with_spark_and_reported(seeded, monkeypatch, address):
    messages, sessions = [], []
    monkeypatch.setattr(session, "spark_session", lambda name: sessions.append(name) or seeded.spark)
    settings = SimpleNamespace(paths=SimpleNamespace(warehouse=address))
    read_ledger(settings, "status", messages.append)
    assert sessions == ["status"]
    assert messages == [f"starting Spark, because only Spark can read {address}."]
