"""The counts of a job as Prometheus reads them; the alert rules use only metrics that exist."""

import re

import yaml
from prometheus_client.parser import text_string_to_metric_families

from spark_jobs.observability import metrics
from spark_jobs.observability.outcome import Outcome
from tests.project import ROOT

SUMMARY = {"rows_loaded": 5, "dropped": {"view": 3, "cart": 0}, "latest_hour": "2019-10-01T05", "as_of": "2019-10-01"}


def read_samples(folder, job: str) -> dict:
    text = (folder / f"{job}.prom").read_text()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    names = ("job", "count", "kind")
    return {(s.name, *(s.labels[name] for name in names if name in s.labels)): s.value for s in found}


def test_a_summary_becomes_samples(tmp_path):
    metrics.record(str(tmp_path), "load_to_database", SUMMARY, 1.5)
    found = read_samples(tmp_path, "load_to_database")
    assert found[metrics.SECONDS, "load_to_database"] == 1.5
    counted = {key[2:]: value for key, value in found.items() if key[0] == metrics.COUNTED}
    assert counted == {
        ("rows_loaded", ""): 5,
        ("dropped", "view"): 3,
        ("dropped", "cart"): 0,
        ("latest_hour", ""): 1569906000,
    }


def test_seconds_are_those_of_the_last_run_of_each_job_ordered_by_when_it_ended(tmp_path):
    for job, took in (("b", 9.0), ("a", 2.0), ("b", 1.0)):
        metrics.record(str(tmp_path), job, {}, took)
    assert list(metrics.read_seconds(str(tmp_path)).items()) == [("a", 2.0), ("b", 1.0)]
    assert metrics.read_seconds(str(tmp_path / "nothing")) == {}


def test_consecutive_failures_are_counted_and_the_metrics_of_the_last_success_are_kept(tmp_path):
    folder = str(tmp_path)
    metrics.record(folder, "a", SUMMARY, 1.5)
    before = (tmp_path / "a.prom").read_text()
    for count, outcome in ((1, Outcome.ERROR), (2, Outcome.STOPPED), (2, Outcome.MISSING)):
        metrics.record_failure(folder, "a", outcome, 9.0)
        found = read_samples(tmp_path, "a-failure")
        assert found[metrics.FAILURES, "a"] == count
        assert found[metrics.FAILED_SECONDS, "a"] == 9
        assert f'{metrics.FAILED}{{job="a",outcome="{outcome}"}}' in (tmp_path / "a-failure.prom").read_text()
    assert (tmp_path / "a.prom").read_text() == before
    assert metrics.read_seconds(folder) == {"a": 1.5}
    metrics.end_failures(folder, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_metrics_that_cannot_be_written_are_reported_in_one_line_and_are_no_failure(tmp_path, capsys):
    (tmp_path / "file").touch()
    metrics.record(str(tmp_path / "file"), "a", SUMMARY, 1.5)
    metrics.record_failure(str(tmp_path / "file"), "a", Outcome.ERROR, 1.5)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"note: metrics could not be written to {tmp_path}/file (") for line in lines)


def test_each_alert_uses_a_metric_that_a_job_writes(pipeline, postgres):
    pipeline.copy_cases("c01-fields.csv")
    pipeline.land()
    folder = pipeline.folder / "metrics"
    metrics.record(str(folder), "validate_data_quality", pipeline.validate(), 1.0)
    metrics.record(str(folder), "load_to_database", pipeline.load(), 1.0)
    metrics.record(str(folder), "feature_engineering", {}, 1.0)
    metrics.record_failure(str(folder), "load_to_database", Outcome.ERROR, 1.0)
    written = "".join(path.read_text() for path in folder.glob("*.prom"))
    rules = yaml.safe_load((ROOT / "conf" / "alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        name, labels = re.search(r"(pipeline_\w+)\{([^}]*)\}", rule["expr"]).groups()
        lines = [line for line in written.splitlines() if line.startswith(name + "{")]
        wanted = [label.strip() for label in labels.split(",")]
        assert any(all(label in line for label in wanted) for line in lines), rule["alert"]
