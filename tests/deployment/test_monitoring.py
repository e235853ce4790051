"""Monitoring: the alert rules, the dashboard and the compose profile fit the metrics that the jobs write."""

import atexit
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from spark_jobs import pipeline as whole_pipeline
from spark_jobs.flow import STEPS
from spark_jobs.observability import metrics
from spark_jobs.observability.console import Console
from spark_jobs.observability.outcome import Outcome
from spark_jobs.sample.generate import Span, generate
from tests.conftest import Pipeline
from tests.project import ROOT

MONITORING = ROOT / "docker" / "monitoring"
ALERTS, ALERT_TESTS = ROOT / "conf" / "alerts.yml", ROOT / "tests" / "deployment" / "alerts_test.yml"
DASHBOARDS = MONITORING / "grafana" / "dashboards"
DASHBOARD = json.loads((DASHBOARDS / "pipeline.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
STACK = {"postgres", "events-db", "redis", "init", "api-server", "scheduler", "dag-processor", "worker", "feed"}
Sample = tuple[str, dict[str, str]]


def find_program(*names: str) -> str:
    """Return the path of a program under one of its names; skip the test where none is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"{names[0]} is not installed (Debian: prometheus, prometheus-node-exporter)")


def check_with_promtool(*arguments: str | Path) -> None:
    result = subprocess.run([find_program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def read_samples(folder: Path) -> list[Sample]:
    """Return the name and the labels of each sample in the files of a folder."""
    texts = [path.read_text() for path in folder.glob("*.prom")]
    families = [family for text in texts for family in text_string_to_metric_families(text)]
    return [(sample.name, sample.labels) for family in families for sample in family.samples]


def list_selectors(query: str) -> Iterator[Sample]:
    """Yield the name and the labels of each series that a query selects; each alternative of a `=~` on its own."""
    for name, text in re.findall(r"(pipeline_\w+)(?:\{([^}]*)\})?", query):
        pairs = re.findall(r'(\w+)=~?"([^"]*)"', text)
        (several,) = [key for key, value in pairs if "|" in value] or [None]
        for choice in dict(pairs)[several].split("|") if several else [""]:
            yield name, dict(pairs) | ({several: choice} if several else {})


def test_the_rules_behave_as_their_tests_say():
    check_with_promtool("test", "rules", ALERT_TESTS)


def test_prometheus_accepts_its_configuration(tmp_path):
    for path in (MONITORING / "prometheus.yml", ALERTS):
        shutil.copy(path, tmp_path)
    check_with_promtool("check", "config", tmp_path / "prometheus.yml")


def test_each_rule_is_tested_when_it_fires_and_when_it_does_not():
    groups = yaml.safe_load(ALERT_TESTS.read_text())["tests"]
    cases = [(case["alertname"], bool(case.get("exp_alerts"))) for group in groups for case in group["alert_rule_test"]]
    silent = {name for name, fires in cases if not fires}
    assert {rule["alert"] for rule in RULES} == {name for name, fires in cases if fires} == silent


def test_dashboard_and_rules_use_only_metrics_that_the_product_writes(tmp_path):
    metrics.record(str(tmp_path), "a", {"rows": 1}, 1.0, metrics.Usage(1, 1, {"t": (1, 1)}))
    metrics.record_failure(str(tmp_path), "a", Outcome.ERROR, 1.0)
    written = {name for name, _ in read_samples(tmp_path)}
    for query in [*QUERIES, *(rule["expr"] for rule in RULES)]:
        used = {name for name, _ in list_selectors(query)}
        assert used and used <= written, query


def test_the_dashboard_uses_the_source_that_grafana_is_given():
    (source,) = yaml.safe_load((MONITORING / "grafana" / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
    assert used == {source["uid"]}
    (provider,) = yaml.safe_load((DASHBOARDS / "provider.yml").read_text())["providers"]
    (mounted,) = [each for each in COMPOSE["services"]["grafana"]["volumes"] if each.startswith("./")]
    source_folder, target = mounted.split(":")[:2]
    place = ROOT / source_folder / Path(provider["options"]["path"]).relative_to(target)
    assert place == DASHBOARDS


def test_the_profile_adds_services_with_pinned_images_and_changes_no_other_service():
    services = COMPOSE["services"]
    added = {name for name, service in services.items() if "profiles" in service}
    assert services.keys() - added == STACK
    assert added == {"node-exporter", "prometheus", "grafana"}
    for name in added:
        assert services[name]["profiles"] == ["monitoring"]
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", services[name]["image"])
        mounted = [volume.split(":")[0] for volume in services[name]["volumes"] if volume.startswith("./")]
        assert all((ROOT / path).exists() for path in mounted), mounted
    (target,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    assert target["targets"] == ["node-exporter:9100"]


@pytest.fixture(scope="module")
def run_metrics(spark, tmp_path_factory) -> Path:
    """Run all steps on a small sample with a rejected row and a repeated one; return the folder of their metrics."""
    folder = tempfile.mkdtemp(prefix="pipeline-postgres-")  # an empty database, outside of pytest's private folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    small = Pipeline(spark, tmp_path_factory.mktemp("monitoring"), folder)
    path = generate(Span(1_000, 3, datetime(2019, 10, 1)), small.raw, seed=11)[0]
    header, first = path.read_text().splitlines(keepends=True)[:2]
    small.put("more.csv", f"{header}{first}{first.replace('2019', 'once', 1)}")
    assert whole_pipeline.run(small.ctx(), Console()) == 0
    return Path(small.settings.paths.metrics)


def test_each_step_of_a_run_writes_its_seconds_bytes_warnings_and_table_sizes(run_metrics):
    samples = read_samples(run_metrics)
    for name in (metrics.SECONDS, metrics.WRITTEN, metrics.WARNINGS):
        assert {labels["job"] for found, labels in samples if found == name} == {step.name for step in STEPS}
    for name in (metrics.TABLE_BYTES, metrics.TABLE_FILES):
        tables = [labels["table"] for found, labels in samples if found == name]
        assert sorted(tables) == sorted(table.name for step in STEPS for table in step.writes)


@pytest.mark.parametrize("query", QUERIES)
def test_a_run_writes_each_series_that_the_dashboard_names(run_metrics, query):
    written = read_samples(run_metrics)
    for name, labels in list_selectors(query):
        found = [have for have_name, have in written if have_name == name and labels.items() <= have.items()]
        assert found or name == metrics.FAILURES, (name, labels)  # no step of the run has failed


@pytest.fixture(scope="module")
def prometheus(run_metrics, tmp_path_factory) -> Iterator[str]:
    """Start Prometheus and node_exporter on the metrics of the run; return Prometheus' address."""
    folder, (port, source) = tmp_path_factory.mktemp("prometheus"), find_free_ports(2)
    programs = find_program("prometheus"), find_program("prometheus-node-exporter", "node_exporter")
    configuration = (MONITORING / "prometheus.yml").read_text()
    for old, new in (("node-exporter:9100", f"127.0.0.1:{source}"), ("scrape_interval: 30s", "scrape_interval: 1s")):
        assert old in configuration
        configuration = configuration.replace(old, new)
    (folder / "prometheus.yml").write_text(configuration)
    shutil.copy(ALERTS, folder)
    options = [option for option in COMPOSE["services"]["node-exporter"]["command"] if "directory" not in option]
    commands = (
        [programs[0], f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"],
        [programs[1], *options, f"--collector.textfile.directory={run_metrics}"],
    )
    with (folder / "log").open("wb") as log:
        started = [
            subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{number}"], stdout=log, stderr=log)
            for command, number in zip(commands, (port, source), strict=True)
        ]
    try:
        wait_for_samples(f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in started:
            process.terminate()
            process.wait()


def find_free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for_samples(address: str, log: Path) -> None:
    for _ in range(120):
        try:
            if ask(address, metrics.SECONDS):
                return
        except OSError:  # it does not listen yet
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text())


def ask(address: str, query: str) -> list[dict]:
    """Return the series that Prometheus answers."""
    with urllib.request.urlopen(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as answer:
        return json.load(answer)["data"]["result"]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_of_the_dashboard_returns_data_from_the_metrics_of_a_run(prometheus, query):
    found = ask(prometheus, query)
    assert found and "NaN" not in [series["value"][1] for series in found]


def test_prometheus_names_the_steps_as_the_metrics_do(prometheus):
    assert {series["metric"]["job"] for series in ask(prometheus, metrics.SECONDS)} == {step.name for step in STEPS}
