"""The commands as a user sees them: output, exit codes, interruptions, and failures of the machine."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

from spark_jobs import pipeline as pipeline_module
from spark_jobs import tables
from spark_jobs.commands import status
from spark_jobs.observability.console import Console
from spark_jobs.sample import Span, generate
from tests.conftest import CASES
from tests.events import HEAD, event_line
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import (
    COMPARED_COLUMNS,
    assert_tables_equal_oracle,
    read_compared_rows,
    to_sorted_tuples,
)
from tests.process import command, environment, run
from tests.project import ROOT


def run_and_capture(pipeline, capsys, action) -> str:
    """Run `action(ctx, console)` and return what it prints."""
    ctx, console = pipeline.ctx(), Console()
    ctx.say = console.say
    action(ctx, console)
    return capsys.readouterr().out


def test_the_run_summary_reconciles_the_counts_and_a_second_run_has_nothing_to_do(pipeline, postgres, capsys):
    views = "".join(event_line(time=f"09:00:{second:02}") for second in range(20))
    purchases = event_line(time="11:30:00", event_type="purchase", user_id=502, price="10.00") * 2
    pipeline.put("a.csv", HEAD + views + purchases + "no record\n")
    out = run_and_capture(pipeline, capsys, pipeline_module.run)
    assert "checked: raw 23 = user_events 22 + rejected 1 + not yet committed 0" in out
    assert "checked: user_events 22 = deduped 2 + dropped 20" in out
    assert "rejected by reason: malformed_record 1" in out
    assert "dropped: purchase 1, view 19; purchase money dropped 10.00" in " ".join(out.split())
    assert "hours: 2 loaded, 10 empty; days: 1 with data, 1 built, 1 incomplete" in out
    assert "incomplete: 2019-10-01 (12 of 24 hours)" in out
    assert re.search(r"remove_duplicates +22 +2 ", out)
    versions = [pipeline.ctx().storage.version(table) for table in tables.ALL]
    second_output = run_and_capture(pipeline, capsys, pipeline_module.run)
    assert second_output.count("nothing to do") == 6
    assert [line for line in second_output.splitlines() if "checked" in line] == [
        line for line in out.splitlines() if "checked" in line
    ]
    assert [pipeline.ctx().storage.version(table) for table in tables.ALL] == versions
    status_text = " ".join(run_and_capture(pipeline, capsys, status.show).split())
    assert "everything that landed is loaded and built" in status_text
    assert "extract_events.py --start 2019-10-01 --end 2019-10-02, then the other jobs" in status_text


def test_status_lists_each_problem_with_the_command_that_fixes_it(pipeline, postgres, capsys):
    assert "nothing has landed yet" in run_and_capture(pipeline, capsys, status.show)
    invalid = "".join(event_line(time=f"09:00:{second:02}", event_type="VIEW") for second in range(9))
    pipeline.put("a.csv", HEAD + event_line(time="08:00:00") + invalid)
    pipeline.put("b.csv", "who,what\n1,2\n")
    pipeline.land()
    pipeline.expect_refusal(pipeline.validate)
    out = " ".join(run_and_capture(pipeline, capsys, status.show).split())
    assert "refused file:" in out and "b.csv" in out
    assert "stopped: 2019-10-01T09" in out
    assert "validate_data_quality.py --start 2019-10-01T09 --accept-rejects" in out
    assert "not in PostgreSQL yet: 2019-10-01T08" in out
    assert "remove_duplicates.py --start 2019-10-01 --end 2019-10-02" in out


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no event with a usable time has landed; put .csv or .csv.gz files there"),
        ({"only a header.csv": HEAD}, "no event with a usable time has landed"),
        ({"empty.csv": ""}, "empty.csv: "),
        ({"picture.csv": b"\x89PNG\r\n\x1a\n\x00\x00"}, "picture.csv: "),
        ({"pointer.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"}, "pointer.csv: "),
    ],
    ids=lambda value: next(iter(value), "empty folder") if isinstance(value, dict) else "",
)
def test_a_folder_without_a_readable_event_is_refused_in_one_line(pipeline, files, says):
    for name, content in files.items():
        pipeline.put(name, content)
    message = pipeline.expect_refusal(pipeline.land)
    assert says in "\n".join([message, *pipeline.messages])
    assert "\n" not in message


def run_setup(**environment: str) -> str:
    """Run tools/setup.sh, which must fail before it changes anything, and return its only line."""
    result = subprocess.run(
        ["bash", ROOT / "tools" / "setup.sh"], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_setup_reports_a_missing_java_or_an_unsupported_python_in_one_line(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    assert "Python 3.11, 3.12 or 3.13 is needed and '/no/python' was not found" in run_setup(PYTHON="/no/python")
    assert f"Python 3.11, 3.12 or 3.13 is needed and '{old}' is 3.9" in run_setup(PYTHON=str(old))
    assert "Java 17 or later is needed and '/no/java/bin/java' was not found" in run_setup(JAVA_HOME="/no/java")


def wait_for(process: subprocess.Popen, text: str) -> None:
    """Wait until the process prints a line that begins with `text`."""
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"ended without {text}")


@pytest.mark.long
def test_a_second_run_is_refused_and_an_interrupted_run_is_resumed(tmp_path):
    generate(Span(20_000, 24, datetime(2019, 10, 1)), tmp_path / "raw", seed=5)
    with subprocess.Popen(
        command(tmp_path),
        env=environment(tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as first:
        wait_for(first, "extract_events")
        second = run(tmp_path)
        assert second.returncode == 5
        assert "collection is already running (process" in second.stderr
        os.killpg(first.pid, signal.SIGINT)
        assert first.wait(60) == 130
        assert first.stderr.read().splitlines() == [
            "pipeline: interrupted; finished hours and days are committed, run the same command again to continue."
        ]
    rest = run(tmp_path)
    assert rest.returncode == 0, rest.stderr
    assert "checked: raw 20,000 = user_events 20,000 + rejected 0 + not yet committed 0" in rest.stdout
    assert rest.stderr == ""


@pytest.mark.long
def test_a_killed_run_leaves_no_lock_and_the_next_run_produces_the_oracles_tables(spark, tmp_path, pipeline, postgres):
    path = generate(Span(20_000, 24, datetime(2019, 10, 1)), pipeline.raw, seed=5)[0]
    folder = pipeline.folder
    for step in ("start Spark", "extract_events", "validate_data_quality", "load_to_database", "remove_duplicates"):
        with subprocess.Popen(
            command(folder, "--set", f"paths.database='{pipeline.settings.paths.database}'"),
            env=environment(folder),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as process:
            wait_for(process, step)
            time.sleep(1.5)  # somewhere within the next step
            os.killpg(process.pid, signal.SIGKILL)
    last = run(folder, "--set", f"paths.database='{pipeline.settings.paths.database}'")
    assert last.returncode == 0, last.stderr
    assert_tables_equal_oracle(pipeline, postgres, compute([path]))


@pytest.mark.long
def test_1_core_and_8_cores_give_the_same_tables(pipeline):
    path = generate(Span(20_000, 48, datetime(2019, 10, 1)), pipeline.raw, seed=5, ratings=True)[0]
    results = []
    for cores in (1, 8):
        result = run(pipeline.folder, cores=cores)
        assert result.returncode == 0, result.stderr
        results.append({table.name: read_compared_rows(pipeline, table) for table in COMPARED_COLUMNS})
        for name in ("warehouse", "database"):
            (pipeline.folder / name).rename(pipeline.folder / f"{name}-{cores}")
    assert results[0] == results[1]
    assert len(results[0]["user_events"]) == 20_000 and path.exists()


@pytest.mark.long
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_times_are_utc_in_every_time_zone_of_the_machine(pipeline, zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)  # the embedded PostgreSQL is created in this zone too
    pipeline.copy_cases("c17-zones.csv")
    result = run(pipeline.folder)
    assert result.returncode == 0, result.stderr
    oracle = compute([CASES / "c17-zones.csv"])
    expected = to_sorted_tuples(oracle.user_events.to_pylist(), COMPARED_COLUMNS[tables.USER_EVENTS])
    assert read_compared_rows(pipeline, tables.USER_EVENTS) == expected
    clock = "SELECT to_char(timestamp, 'YYYY-MM-DD HH24:MI:SS.MS') FROM user_events ORDER BY 1"
    database = f"paths.database='{pipeline.folder / 'database'}'"
    module = [sys.executable, "-m", "spark_jobs.cli", "psql", "--set", database]
    shown = subprocess.run([*module, "--query", clock], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    times = sorted(oracle.user_events["timestamp"].to_pylist())
    assert [line.strip() for line in shown.splitlines()[2:-2]] == [
        f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}" for time in times
    ]


@pytest.mark.long
def test_a_full_disk_is_reported_in_one_line(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount_status = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False
    ).returncode
    if mount_status != 0:
        pytest.skip("a small disk can be mounted by root only")
    try:
        generate(Span(100_000, 24, datetime(2019, 10, 1)), tmp_path / "raw", seed=5)
        result = run(tmp_path, "--set", f"paths.warehouse='{disk / 'warehouse'}'")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "pipeline: the disk is full; free some space and run this again: existing data is unharmed."
    ]
