"""A measured run: bytes written and table sizes are those of the files, warnings are counted, the log has all three."""

import json
from pathlib import Path

import pytest

from spark_jobs import flow
from spark_jobs.measured_run import run_measured
from spark_jobs.observability import run_log
from tests.conftest import OCTOBER_1, Pipeline
from tests.counting import count_jobs
from tests.events import HEAD, event_line


@pytest.fixture
def expecting(spark, tmp_path, database) -> Pipeline:
    """Return a pipeline with one hour, which warns because it has no purchase."""
    expecting = Pipeline(spark, tmp_path, database, "events.expected_from_rows=1")
    expecting.put("a.csv", HEAD + event_line(time="00:00:01") + event_line(time="00:00:02"))
    return expecting


def measure_files(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]


def test_bytes_and_sizes_are_those_of_the_files(expecting):
    raw_events = Path(expecting.settings.paths.warehouse) / "raw_events"
    _, first = run_measured(expecting.ctx(), flow.EXTRACT_EVENTS, None)
    sizes = measure_files(raw_events)
    assert first.written_bytes == sum(sizes) > 0
    assert first.tables == {"raw_events": (len(sizes), sum(sizes))}
    expecting.put("a.csv", HEAD + event_line(time="00:00:03"))  # replaces the rows
    _, second = run_measured(expecting.ctx(), flow.EXTRACT_EVENTS, None)
    assert second.written_bytes == sum(measure_files(raw_events)) - sum(sizes) > 0
    assert second.tables == {"raw_events": (1, second.written_bytes)}


def test_measuring_starts_no_spark_job(expecting):
    run_measured(expecting.ctx(), flow.EXTRACT_EVENTS, None)
    before = count_jobs(expecting.spark)
    _, usage = run_measured(expecting.ctx(), flow.EXTRACT_EVENTS, None)
    assert count_jobs(expecting.spark) == before
    assert usage.written_bytes == 0 and usage.tables["raw_events"][1] > 0


def test_warnings_are_shown_counted_and_logged_with_the_step(expecting, tmp_path, monkeypatch):
    expecting.land()
    monkeypatch.setattr(run_log.LOGGER, "handlers", [])  # the log ends with the test
    run_log.start("pipeline", tmp_path / "logs")
    run_log.use_format("json")
    summary, usage = run_measured(expecting.ctx(), flow.VALIDATE_DATA_QUALITY, OCTOBER_1)
    run_log.record_line("later")
    warnings = [line for line in expecting.messages if line.startswith("warning: ")]
    assert usage.warnings == len(warnings) == summary["warnings"] > 0
    begins, done, later = map(json.loads, (tmp_path / "logs" / run_log.FILE).read_text().splitlines())
    assert (begins["job"], begins["window"]) == ("validate_data_quality", str(OCTOBER_1))
    assert (done["job"], done["message"], done["warnings"]) == ("validate_data_quality", "step done", usage.warnings)
    assert done["written_bytes"] == usage.written_bytes > 0 and done["summary"] == summary
    assert (later["job"], later["window"]) == ("pipeline", None)
