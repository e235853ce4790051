"""Maintenance: small files are compacted and old ones removed; rows stay, and concurrent runs are not disturbed."""

import ast
import os
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.coordination import lock
from spark_jobs.delta.files import measure_files, vacuum
from spark_jobs.delta.schema import PROPERTIES
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import BusyError
from spark_jobs.flow import Writer
from spark_jobs.maintenance import compaction, removal, sizes
from spark_jobs.observability import run_log
from spark_jobs.windows import HOUR, Window
from tests.events import HEAD, event_line
from tests.pipeline.test_tables import to_sorted_tuples
from tests.project import ROOT
from tests.unfenced import unfenced_writer

DAY = datetime(2019, 10, 1)
BOTH = Window(DAY, DAY + 25 * HOUR, HOUR)


def read_rows(pipeline, table) -> object:
    return to_sorted_tuples([row.asDict() for row in pipeline.read(table).collect()], table.columns)


def compact_days(pipeline) -> int:
    with hold_leases(pipeline.settings, pipeline.spark, [Writer.COLLECTION]) as ctx:
        return compaction.compact_closed_days(ctx, Writer.COLLECTION)["days_joined"]


@pytest.fixture
def hourly(pipeline, postgres):
    """Load one file for each of six hours and one of the next day, so that a complete day has many files."""
    for hour in range(6):
        pipeline.put(f"{hour:02}.csv", HEAD + event_line(time=f"{hour:02}:00:00", item_id=hour + 1))
    pipeline.put("next.csv", HEAD + event_line(time="2019-10-02 00:00:00"))
    pipeline.land()
    pipeline.validate(BOTH)
    pipeline.load(BOTH)
    return pipeline


def test_the_size_of_a_table_is_measured_even_if_its_path_contains_glob_characters(spark, tmp_path, monkeypatch):
    """The same holds for the list of all files, on which the proof of `make forget` is based."""
    monkeypatch.setitem(PROPERTIES, "delta.checkpointInterval", "2")
    row = {"part": "matrix", "epoch": 1, "warehouse": "w", "host": "h", "taken_at": DAY}
    found = []
    for name in ("plain", "a [1] {b,c} *?"):
        storage = Storage(spark, str(tmp_path / name))
        for _ in range(3):
            unfenced_writer(storage).append(tables.LEASES, storage.frame(tables.LEASES, [row]))
        size = measure_files(storage, tables.LEASES)
        found.append((size.files, size.log_entries, size.checkpoint_bytes > 0))
        assert storage.read_every_file(tables.LEASES).count() == 3
    assert found == [(3, 3, True)] * 2


def test_a_killed_landing_is_undone_even_after_the_files_of_a_closed_day_are_compacted(hourly):
    """After the vacuum, the version that the ledger records can no longer be read: its files are gone."""
    with lock.hold(hourly.settings.paths.warehouse, Writer.COLLECTION), pytest.raises(BusyError):
        compact_days(hourly)
    expected, files = read_rows(hourly, tables.RAW_EVENTS), measure_files(hourly.ctx().storage, tables.RAW_EVENTS).files
    assert compact_days(hourly) == 1
    assert read_rows(hourly, tables.RAW_EVENTS) == expected
    assert files == 7 and measure_files(hourly.ctx().storage, tables.RAW_EVENTS).files == 2
    assert compact_days(hourly) == 0
    storage = hourly.ctx().storage
    vacuum(storage, tables.RAW_EVENTS, 0)
    # These rows have no entry in the ledger.
    unfenced_writer(storage).append(tables.RAW_EVENTS, hourly.read(tables.RAW_EVENTS).limit(3))
    assert read_rows(hourly, tables.RAW_EVENTS) != expected
    hourly.land()
    assert read_rows(hourly, tables.RAW_EVENTS) == expected


def test_an_incomplete_day_is_not_compacted(pipeline):
    for hour in range(6):
        pipeline.put(f"{hour:02}.csv", HEAD + event_line(time=f"{hour:02}:00:00", item_id=hour + 1))
    pipeline.land()
    assert measure_files(pipeline.ctx().storage, tables.RAW_EVENTS).files == 6
    assert compact_days(pipeline) == 0


@pytest.mark.long
def test_removing_files_does_not_disturb_concurrent_runs(hourly):
    """Land, validate and load an hour repeatedly while another thread removes files."""
    errors, ended = [], threading.Event()

    def remove_repeatedly() -> None:
        while not ended.is_set():
            try:
                removal.remove_unneeded(hourly.ctx())
            except Exception as error:
                errors.append(error)

    remover = threading.Thread(target=remove_repeatedly)
    remover.start()
    try:
        for second in range(2):
            hourly.put("06.csv", HEAD + event_line(time=f"06:00:0{second}", item_id=9))
            hourly.land()
            hourly.validate(BOTH)
            hourly.load(BOTH)
    finally:
        ended.set()
        remover.join()
    assert errors == []
    found = hourly.read(tables.USER_EVENTS).where("hour(timestamp) = 6").collect()
    assert [row.timestamp.second for row in found] == [1]


def test_old_logs_are_removed_and_new_ones_stay(pipeline, monkeypatch):
    logs, tasks = Path(pipeline.settings.paths.logs), pipeline.folder / "airflow"
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tasks))
    lineage = Path(pipeline.settings.paths.lineage)
    task = Path("run_id=1") / "task_id=t" / "attempt=1.log"
    paths = [logs / "error-1.txt", logs / "spark.log", *(tasks / f"dag_id={name}" / task for name in removal.DAGS)]
    others = [
        tasks / f"dag_id={name}" / task for name in ("other", "run_report_of_others", "data_collection_pipeline_2")
    ]
    paths += [lineage / "spark-1.ndjson", logs / "pipeline-1.log"]
    old = (time.time() - timedelta(days=31).total_seconds(),) * 2
    for path in paths + others:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in (path, path.with_stem(f"{path.stem}-new")):
            name.touch()
        os.utime(path, old)
    removed = removal.remove_unneeded(pipeline.ctx())["logs_removed"]
    assert [path.name for path in paths if path.exists()] == ["spark.log"]
    assert removed == len(paths) - 1 and all(path.exists() for path in others)
    assert all(path.with_stem(f"{path.stem}-new").exists() for path in paths)


def test_the_dags_whose_logs_are_removed_are_those_of_the_project():
    trees = [ast.parse(path.read_text()) for path in (ROOT / "dags").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [call.args[0].value for call in calls if getattr(call.func, "id", None) == "DAG"]
    assert sorted(found) == sorted(removal.DAGS)


def test_files_to_which_airflow_and_runs_append_are_renamed_and_keep_their_content(pipeline):
    paths = pipeline.settings.paths
    growing = (Path(paths.lineage) / removal.GROWING, Path(paths.logs) / run_log.FILE)
    for path in growing:
        path.parent.mkdir()
        path.write_text("{}\n")
    removal.remove_unneeded(pipeline.ctx())
    for path in growing:
        (aside,) = path.parent.iterdir()
        assert (aside != path, aside.read_text()) == (True, "{}\n")


def test_the_table_of_sizes_shows_each_value_before_and_after(seeded):
    found = sizes.measure_tables(seeded.ctx())
    one = found["user_events"]
    assert one.files >= 3 and one.on_disk >= one.bytes > 0 and one.log_entries > 1
    table = sizes.as_table(found, found | {"user_events": one.__class__(1, 0, 0, 1, 0)})
    assert table.row_count == len(found)
    assert f"{one.files} → 1" in list(table.columns[1].cells)
