"""The DAGs: tasks, edges, policies, windows, and the state of a task for each exit code of its job."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]

AIRFLOW = {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags")}
# Runs in a separate process, because Airflow and Great Expectations conflict within one process.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
sys.path.insert(0, sys.argv[1])
def awaited(dag):
    condition = getattr(dag.timetable, "asset_condition", None)
    return sorted(asset.name for asset in condition.objects) if condition else []
def once():
    bag = DagBag(sys.argv[1])
    return bag, {name: DagSerialization.to_dict(dag) for name, dag in sorted(bag.dags.items())}
bag, first = once()
print("found:" + json.dumps({
    "errors": bag.import_errors, "same": first == once()[1],
    "heavy": sorted({"pyspark", "spark_jobs", "great_expectations"} & set(sys.modules)),
    "dags": {name: {
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "owners": sorted({task.owner for task in dag.tasks}), "tags": sorted(dag.tags), "catchup": dag.catchup,
        "retries": sorted({(task.retries, task.retry_delay.total_seconds()) for task in dag.tasks}),
        "past": any(task.depends_on_past for task in dag.tasks), "cron": getattr(dag.timetable, "expression", None),
        "zone": str(getattr(dag.timetable, "timezone", "UTC")), "assets": awaited(dag),
        "pools": {task.task_id: task.pool for task in dag.tasks}, "doc": dag.doc_md,
        "limits": all(task.execution_timeout for task in dag.tasks),
        "applications": {t.task_id: t.application for t in dag.tasks if hasattr(t, "application")},
    } for name, dag in bag.dags.items()},
}, default=str))
"""


@pytest.fixture(scope="module")
def dag_summary(tmp_path_factory) -> dict:
    """Let Airflow parse the dags folder and return a summary of its DAGs."""
    environment = os.environ | AIRFLOW | {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    result = subprocess.run(
        [sys.executable, "-c", DESCRIBE, str(ROOT / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((line for line in result.stdout.splitlines() if line.startswith("found:")), None)
    assert line, result.stderr[-2000:]
    return json.loads(line.removeprefix("found:"))


def test_the_dags_parse_identically_twice_and_import_no_heavy_library(dag_summary):
    assert dag_summary["errors"] == {}
    names = {"data_collection_pipeline", "data_preprocessing_pipeline", "data_maintenance_pipeline", "run_report"}
    assert dag_summary["dags"].keys() == names
    assert dag_summary["same"]
    assert dag_summary["heavy"] == []


def test_tasks_and_edges_match_the_design(dag_summary):
    assert dag_summary["dags"]["data_collection_pipeline"]["tasks"] == {
        "extract_events": ["validate_data_quality"],
        "validate_data_quality": ["load_to_database"],
        "load_to_database": [],
    }
    assert dag_summary["dags"]["data_preprocessing_pipeline"]["tasks"] == {
        "wait_for_data_collection": ["remove_duplicates"],
        "remove_duplicates": ["handle_missing_values"],
        "handle_missing_values": ["create_user_item_matrix", "feature_engineering"],
        "create_user_item_matrix": [],
        "feature_engineering": [],
    }
    assert dag_summary["dags"]["data_maintenance_pipeline"]["tasks"] == {
        "wait_for_runs": ["optimize_collection", "optimize_preprocessing"],
        "optimize_collection": ["vacuum_tables"],
        "optimize_preprocessing": ["vacuum_tables"],
        "vacuum_tables": [],
    }
    assert dag_summary["dags"]["run_report"]["tasks"] == {"write_report": []}
    assert dag_summary["dags"]["run_report"]["assets"] == [
        "pipeline_create_user_item_matrix",
        "pipeline_feature_engineering",
    ]


def test_tasks_that_write_the_same_tables_share_a_pool(dag_summary):
    pools = dag_summary["dags"]["data_maintenance_pipeline"]["pools"]
    assert (pools["optimize_collection"], pools["optimize_preprocessing"]) == ("collection", "preprocessing")


@pytest.mark.parametrize(
    ("name", "tags", "cron"),
    [
        ("data_collection_pipeline", ["data-collection", "ecommerce"], "0 * * * *"),
        ("data_preprocessing_pipeline", ["ecommerce", "preprocessing"], "0 0 * * *"),
        ("data_maintenance_pipeline", ["ecommerce", "maintenance"], "30 3 * * 0"),
        ("run_report", ["ecommerce", "report"], None),
    ],
)
def test_each_dag_has_the_agreed_policies(dag_summary, name, tags, cron):
    dag = dag_summary["dags"][name]
    assert (dag["owners"], dag["tags"], dag["catchup"], dag["past"]) == (["data-team"], tags, False, False)
    assert dag["retries"] == [[2, 300.0]]
    assert dag["limits"]
    assert (dag["cron"], "UTC" in dag["zone"]) == (cron, True)
    assert "When it is red" in dag["doc"] and "Run again" in dag["doc"]
    pools = {"default_pool", *json.loads((ROOT / "conf" / "pools.json").read_text())}
    assert set(dag["pools"].values()) <= pools
    assert all(Path(path).is_file() for path in dag["applications"].values())


@pytest.fixture(scope="module")
def pipeline_job(tmp_path_factory):
    """Import the module that builds the tasks, to test its pure functions."""
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"  # Airflow configures the logging of the whole process
    spec = importlib.util.spec_from_file_location("pipeline_job", ROOT / "dags" / "pipeline_job.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_dag_run(after: str, date: str | None = None) -> SimpleNamespace:
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None for text in (after, date)]
    return SimpleNamespace(run_after=moments[0], logical_date=moments[1])


@pytest.mark.parametrize(
    ("run", "params", "expected"),
    [
        (make_dag_run("2019-10-01T06:00:00", "2019-10-01T05:00:00"), {}, ["2019-10-01T05", "2019-10-01T06"]),
        (make_dag_run("2019-10-01T06:20:00"), {}, ["2019-10-01T05", "2019-10-01T06"]),
        (make_dag_run("2019-10-09T00:20:00", "2019-10-01T05:40:00"), {}, ["2019-10-01T05", "2019-10-01T06"]),
        (make_dag_run("2019-10-01T06:20:00", "2019-10-01T06:19:00"), {}, ["2019-10-01T05", "2019-10-01T06"]),
        (make_dag_run("2019-10-01T06:20:00"), {"start": "2019-09-01T03"}, ["2019-09-01T03", ""]),
        (make_dag_run("2019-10-01T06:20:00"), {"end": "2019-09-01T03"}, ["", "2019-09-01T03"]),
        (
            make_dag_run("2019-10-01T06:20:00"),
            {"start": "2019-09-01", "end": "2019-10-01"},
            ["2019-09-01", "2019-10-01"],
        ),
    ],
    ids=["scheduled", "without a date", "a date inside an hour", "now", "one hour", "an end alone", "a month"],
)
def test_a_collection_run_gets_its_hour_or_the_window_of_its_parameters(pipeline_job, run, params, expected):
    assert pipeline_job.hours(run, params) == expected


def test_a_preprocessing_run_gets_the_day_before(pipeline_job):
    assert pipeline_job.days(make_dag_run("2019-10-02T00:00:00", "2019-10-01T00:00:00"), {}) == [
        "2019-10-01",
        "2019-10-02",
    ]
    assert pipeline_job.days(make_dag_run("2019-10-02T09:30:00"), {}) == ["2019-10-01", "2019-10-02"]


def render_command(pipeline_job, job: str, window: str, params: dict[str, str]) -> list[str]:
    """Return the command that the provider submits, starting with the application."""
    task = pipeline_job.PipelineJob(job=job, window=window)
    run = make_dag_run("2019-11-02T06:20:00")
    task.render_template_fields({"dag_run": run, "params": params, window: getattr(pipeline_job, window)})
    command = task._get_hook()._build_spark_submit_command(task.application)
    return command[command.index(task.application) :]


def test_the_submitted_commands_match_the_how_to_page(pipeline_job, dag_summary, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "local[*]"}')
    page = (ROOT / "docs" / "how-to" / "run-one-job.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("spark-submit ")]
    documented = {Path(line.split()[1]).stem: line.split()[1:] for line in lines}
    jobs = [(job, "hours") for job in dag_summary["dags"]["data_collection_pipeline"]["applications"]]
    jobs += [(job, "days") for job in dag_summary["dags"]["data_preprocessing_pipeline"]["applications"]]
    assert documented.keys() == {job for job, _ in jobs}
    for job, window in jobs:
        application, *arguments = render_command(
            pipeline_job, job, window, {"start": "2019-10-01", "end": "2019-11-01"}
        )
        assert [str(Path(application).relative_to(ROOT)), *arguments] == documented[job]


def replace_spark_submit(script: str, folder: Path, monkeypatch) -> None:
    """Replace `spark-submit` by this script until the test ends."""
    path = folder / "spark-submit"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "local[*]"}')


RUN = SimpleNamespace(logical_date=None, run_after=datetime(2019, 10, 1, 6, tzinfo=UTC), clear_number=0, conf={})


@pytest.fixture
def collect_spark_options(pipeline_job, tmp_path, monkeypatch) -> Callable[..., dict[str, str]]:
    """Return a function: submit a job with these options in Airflow's OpenLineage section, return its Spark options."""

    def submit(**options: str) -> dict[str, str]:
        for name, value in options.items():
            monkeypatch.setenv(f"AIRFLOW__OPENLINEAGE__{name.upper()}", value)
        replace_spark_submit(f'printf "%s\\n" "$@" > {tmp_path}/said\nexit 1', tmp_path, monkeypatch)
        task = SimpleNamespace(dag_id="d", task_id="t", try_number=1, map_index=-1, dag_run=RUN)
        task.get_template_context = lambda: {"dag_run": RUN}
        with pytest.raises(Exception, match="Cannot execute"):
            pipeline_job.PipelineJob(job="extract_events", window="hours").execute({"ti": task})
        words = (tmp_path / "said").read_text().splitlines()
        return dict(after.split("=", 1) for word, after in pairwise(words) if word == "--conf")

    return submit


def test_a_job_writes_its_lineage_to_the_folder_of_airflows_lineage(collect_spark_options):
    transport = '{"type": "file", "log_file_path": "/data/lineage/airflow.ndjson", "append": true}'
    found = collect_spark_options(transport=transport, namespace="pipeline")
    run, root = (found.pop(f"spark.openlineage.{name}") for name in ("parentRunId", "rootParentRunId"))
    assert run and root and run != root
    assert found == {
        "spark.extraListeners": "io.openlineage.spark.agent.OpenLineageSparkListener",
        "spark.openlineage.namespace": "pipeline",
        "spark.openlineage.transport.type": "file",
        "spark.openlineage.transport.location": f"/data/lineage/spark-{run}.ndjson",
        "spark.openlineage.parentJobNamespace": "pipeline",
        "spark.openlineage.parentJobName": "d.t",
        "spark.openlineage.rootParentJobNamespace": "pipeline",
        "spark.openlineage.rootParentJobName": "d",
    }


def test_a_job_sends_its_lineage_to_the_server_that_airflow_uses(collect_spark_options):
    server = {"type": "http", "url": "http://marquez:5000", "endpoint": "api/v1/lineage"}
    transport = json.dumps(server | {"auth": {"type": "api_key", "apiKey": "the-key"}})
    found = collect_spark_options(transport=transport, namespace="shop")
    transport_options = {name.partition("transport.")[2]: value for name, value in found.items()}
    assert (transport_options["type"], transport_options["url"], transport_options["endpoint"]) == (
        "http",
        "http://marquez:5000",
        "api/v1/lineage",
    )
    assert transport_options["auth.apiKey"] == "the-key"
    assert found["spark.extraListeners"] and found["spark.openlineage.parentJobName"] == "d.t"


def test_the_sensor_waits_longer_than_the_settings_allow_a_day_to_wait(pipeline_job):
    from spark_jobs.settings.types import Schedule

    (limit,) = Schedule.model_fields["wait_hours"].metadata
    assert timedelta(hours=limit.most) < pipeline_job.PATIENCE


def test_a_job_reports_no_lineage_if_airflow_reports_none(collect_spark_options):
    assert collect_spark_options() == {}
    transport = '{"type": "file", "log_file_path": "/data/lineage/airflow.ndjson"}'
    assert collect_spark_options(transport=transport, disabled="True") == {}


OUTCOMES = {
    "done": (0, {"rows": 1}),
    "missing": (4, {"missing": "2019-10-01T05", "sentence": "not arrived yet: 2019-10-01T05"}),
    "stopped": (3, {"stopped": "2019-10-01T04", "sentence": "stopped 1 hour"}),
    "error": (1, {"sentence": "the disk is full"}),
    "wrong setting": (2, {"sentence": "setting paths.raw is missing"}),
    "busy": (5, {"sentence": "another run"}),
    "died": (137, None),
}


def run_task(pipeline_job, folder, monkeypatch, outcome: str, attempt: int = 1, before=(), push=None, **options) -> str:
    """Run a task whose job, a real process submitted by the real hook, ends with this outcome; return its state.

    `push` replaces the function with which Airflow stores a value.
    """
    code, summary = OUTCOMES[outcome]
    name = outcome if outcome in ("done", "missing", "stopped") else "error"
    summary_json = json.dumps({"outcome": name, "exit_code": code, **(summary or {})})
    replace_spark_submit(
        (f"echo '{summary_json}' > $PIPELINE_SUMMARY\n" if summary else "") + f"exit {code}", folder, monkeypatch
    )
    task = pipeline_job.PipelineJob(job="some_job", retries=2, **options)
    earlier_outcomes = {name: OUTCOMES[state][1] | {"outcome": state} for name, state in dict(before).items()}
    instance = SimpleNamespace(
        try_number=attempt,
        max_tries=2,
        xcom_pull=lambda task_ids: earlier_outcomes.get(task_ids),
        xcom_push=push or (lambda key, value: pushed.append((key, value))),
    )
    events, pushed = {task.outlets[0]: SimpleNamespace(extra={})}, []
    try:
        returned = task.execute({"ti": instance, "outlet_events": events})
    except Exception as error:
        assert not events[task.outlets[0]].extra
        assert push or pushed == ([("return_value", json.loads(summary_json))] if summary else [])
        return f"{type(error).__name__}: {error}"
    assert events[task.outlets[0]].extra == returned == json.loads(summary_json)
    return "success"


@pytest.mark.parametrize(
    ("outcome", "attempt", "goes_on_with", "state"),
    [
        ("done", 1, "done", "success"),
        ("error", 1, "missing", "AirflowException: some_job: the disk is full"),
        ("busy", 3, "missing", "AirflowException: some_job: another run"),
        ("wrong setting", 1, "missing", "AirflowFailException: some_job: setting paths.raw is missing"),
        ("missing", 1, "missing", "AirflowException: some_job: not arrived yet: 2019-10-01T05"),
        ("missing", 2, "missing", "AirflowException: some_job: not arrived yet: 2019-10-01T05"),
        ("missing", 3, "missing", "success"),
        ("stopped", 1, "missing", "AirflowFailException: some_job: stopped 1 hour"),
        ("stopped", 1, "stopped", "success"),
        ("died", 1, "stopped", "AirflowException: Cannot execute"),
    ],
)
def test_the_outcome_of_a_job_decides_the_state_of_its_task(
    pipeline_job, tmp_path, monkeypatch, outcome, attempt, goes_on_with, state
):
    found = run_task(pipeline_job, tmp_path, monkeypatch, outcome, attempt, goes_on_with=goes_on_with)
    assert found.startswith(state)


@pytest.mark.parametrize(
    ("extract", "validate", "state"),
    [
        ("done", "done", "success"),
        ("missing", "done", "AirflowSkipException: not arrived: 2019-10-01T05;"),
        ("done", "stopped", "AirflowFailException: stopped: 2019-10-01T04; all other hours are loaded."),
        ("missing", "stopped", "AirflowFailException: stopped: 2019-10-01T04;"),
    ],
)
def test_the_load_task_reports_the_verdict_of_the_earlier_tasks_after_loading(
    pipeline_job, tmp_path, monkeypatch, extract, validate, state
):
    before = {"extract": extract, "validate": validate}
    assert run_task(pipeline_job, tmp_path, monkeypatch, "done", before=before, verdict_of=list(before)).startswith(
        state
    )
    failed = run_task(pipeline_job, tmp_path, monkeypatch, "error", before=before, verdict_of=list(before))
    assert failed == "AirflowException: some_job: the disk is full"


def test_a_task_keeps_its_state_if_airflow_cannot_store_the_summary(pipeline_job, tmp_path, monkeypatch):
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    def refuse(key: str, value: dict) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    found = run_task(pipeline_job, tmp_path, monkeypatch, "wrong setting", push=refuse)
    assert found == "AirflowFailException: some_job: setting paths.raw is missing"


def test_the_operator_knows_the_outcomes_and_exit_codes_of_the_jobs(pipeline_job):
    from spark_jobs import errors
    from spark_jobs.observability import outcome

    assert tuple(outcome.Outcome)[:3] == (pipeline_job.DONE, pipeline_job.MISSING, pipeline_job.STOPPED)
    assert errors.SettingsError.exit_code == pipeline_job.WRONG_SETTING
    assert errors.NotArrivedError.exit_code == pipeline_job.NOT_ARRIVED


@pytest.mark.parametrize(
    ("age", "running", "goes_on"),
    [
        (timedelta(seconds=30), {}, False),  # runs that are due at the start may not exist yet
        (timedelta(minutes=3), {"data_preprocessing_pipeline": 1}, False),
        (timedelta(minutes=3), {"data_maintenance_pipeline": 1}, True),  # its own run
    ],
)
def test_maintenance_waits_for_the_runs_of_the_dags_that_write(pipeline_job, age, running, goes_on):
    queried_states = []

    def count(dag_id: str, states: list[str]) -> int:
        queried_states.append(tuple(states))
        return running.get(dag_id, 0)

    wait = pipeline_job.WaitForRuns(task_id="wait", dag_ids=["data_collection_pipeline", "data_preprocessing_pipeline"])
    run = SimpleNamespace(start_date=datetime.now(UTC) - age)
    assert wait.poke({"dag_run": run, "ti": SimpleNamespace(get_dr_count=count)}) is goes_on
    assert set(queried_states) <= {("queued", "running")}
