"""The log of a run: text or JSON lines that name run, job, window and attempt, without secrets."""

import json
import logging
import re
import signal
import subprocess
import sys

import pytest

from spark_jobs import command_line
from spark_jobs.errors import NotArrivedError, QualityError
from spark_jobs.observability import redaction, run_log
from spark_jobs.observability.console import Console
from tests.project import ROOT

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Start the log of a run in a folder that does not exist yet, for the time of the test; return the file."""
    monkeypatch.setattr(run_log.LOGGER, "handlers", [])
    monkeypatch.setattr(redaction, "_remembered", set())
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__1")
    monkeypatch.setenv("AIRFLOW_CTX_TRY_NUMBER", "2")
    run_log.start("extract_events", tmp_path / "logs")
    return tmp_path / "logs" / run_log.FILE


def read_objects(log) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_line_of_text_names_run_job_window_and_attempt(log):
    run_log.LOGGER.info("run begins", extra=run_log.facts(seconds=1.5, writer="matrix"))
    with run_log.about("load_to_database", "2019-10-01 to 2019-10-02"):
        run_log.record_line("warning: no purchases")
    first, second = log.read_text().splitlines()
    head = "extract_events - attempt 2] run begins"
    assert re.fullmatch(rf'{TIME} INFO \[manual__1 {head} seconds=1.5 writer="matrix"', first)
    head = "load_to_database 2019-10-01 to 2019-10-02 attempt 2] warning: no purchases"
    assert re.fullmatch(rf"{TIME} WARNING \[manual__1 {head}", second)


def test_a_json_line_has_the_same_as_fields(log):
    run_log.use_format("json")
    run_log.name_window("2019-10-01 to 2019-10-02")
    run_log.LOGGER.info('two\n"lines"', extra=run_log.facts(seconds=1.5, summary={"rows_loaded": 5}))
    (found,) = read_objects(log)
    assert re.fullmatch(TIME, found.pop("time"))
    assert found == {
        "level": "INFO",
        "run_id": "manual__1",
        "job": "extract_events",
        "window": "2019-10-01 to 2019-10-02",
        "attempt": 2,
        "message": 'two\n"lines"',
        "seconds": 1.5,
        "summary": {"rows_loaded": 5},
    }


@pytest.mark.parametrize("name", run_log.FORMATS)
def test_no_record_has_a_password_or_the_id_of_a_forgotten_user(log, name, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secr%40t@host/db")
    redaction.hide_user(541312140)
    run_log.use_format(name)
    try:
        raise ValueError("password=other at postgresql://u:secr%40t@host/db")
    except ValueError:
        run_log.LOGGER.exception("secr@t of user 541312140", extra=run_log.facts(overrides="a=s3a://k:hidden@b"))
    text = log.read_text()
    assert "ValueError" in text and "***" in text
    assert not [word for word in ("secr@t", "secr%40t", "other", "hidden", "541312140") if word in text]


def test_without_airflow_each_run_has_its_own_id_and_attempt_1(log, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CTX_DAG_RUN_ID")
    monkeypatch.delenv("AIRFLOW_CTX_TRY_NUMBER")
    for _ in range(2):
        run_log.start("extract_events", log.parent)
        run_log.use_format("json")
        run_log.LOGGER.info("begins")
    first, second = read_objects(log)
    assert first["run_id"] != second["run_id"] and first["attempt"] == second["attempt"] == 1


def test_a_renamed_log_is_continued_in_a_new_file(log):
    run_log.record_line("before")
    log.rename(log.with_stem("pipeline-1"))
    run_log.record_line("after")
    assert log.with_stem("pipeline-1").read_text().endswith("before\n") and log.read_text().endswith("after\n")


def test_a_log_that_cannot_be_written_is_reported_in_one_line_and_stops_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_log.LOGGER, "handlers", [])
    (tmp_path / "file").touch()
    run_log.start("extract_events", tmp_path / "file")
    run_log.record_line("first")
    run_log.record_line("second")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"note: the log could not be written to {tmp_path}/file/pipeline.log (")


def test_a_full_disk_ends_the_log_without_a_word(log, capsys):
    log.parent.mkdir()
    log.symlink_to("/dev/full")
    run_log.record_line("first")
    run_log.record_line("second")
    assert capsys.readouterr().err == "" and run_log._list_files() == []


def test_without_a_started_log_nothing_is_printed():
    code = "from spark_jobs.observability import run_log; run_log.LOGGER.error('not shown')"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "level", "sentence"),
    [
        (QualityError("stopped 1 hour."), 3, "ERROR", "stopped 1 hour."),
        (NotArrivedError("not arrived yet."), 4, "WARNING", "not arrived yet."),
        (ValueError("odd"), 1, "ERROR", "unforeseen ValueError: odd (details: "),
    ],
)
def test_a_failure_is_the_same_sentence_on_stderr_and_in_the_log(
    log, error, code, level, sentence, monkeypatch, capsys
):
    monkeypatch.setenv("PIPELINE_LOGS", str(log.parent))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of the tests stay

    def fail() -> int:
        run_log.use_format("json")
        raise error

    assert command_line.run_guarded("extract_events", fail) == code
    (line,) = capsys.readouterr().err.splitlines()
    failed, ended = read_objects(log)
    assert line.startswith(f"extract_events: {sentence}") and line == f"extract_events: {failed['message']}"
    assert failed["level"] == level and ("exception" in failed) is (code == 1)
    assert (ended["message"], ended["exit_code"]) == ("run ended", code)


def test_what_a_person_is_shown_is_also_logged(log, capsys):
    console = Console()
    console.say("checked: raw 5 = 5")
    console.error("stopped: 2019-10-01T03")
    assert capsys.readouterr() == ("  checked: raw 5 = 5\n", "stopped: 2019-10-01T03\n")
    first, second = log.read_text().splitlines()
    assert first.endswith("checked: raw 5 = 5") and logging.getLevelName(logging.INFO) in first
    assert second.endswith("stopped: 2019-10-01T03") and logging.getLevelName(logging.ERROR) in second
