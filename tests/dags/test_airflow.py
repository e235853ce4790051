"""Real runs with a real scheduler: from an empty folder to green DAGs, and backfills compared with `make run`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from spark_jobs import tables
from spark_jobs.postgres.embedded import data_folder
from spark_jobs.sample import Span, generate
from spark_jobs.session import now
from tests.conftest import Pipeline
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import COMPARED_COLUMNS, read_compared_rows, to_sorted_tuples
from tests.process import run as make_run
from tests.project import ROOT

START = [sys.executable, "-m", "spark_jobs.cli", "airflow"]
COLLECTION, PREPROCESSING, REPORT = "data_collection_pipeline", "data_preprocessing_pipeline", "run_report"
MINUTES = 20
ENDED = ("success", "failed", "skipped", "upstream_failed", "up_for_retry")
HOURLY = (tables.USER_EVENTS, tables.REJECTED_EVENTS)
FIRST_SCHEDULED = (
    f"SELECT run_id FROM dag_run WHERE dag_id = '{COLLECTION}' AND run_type = 'scheduled' ORDER BY id LIMIT 1"
)
LOADED = "pipeline_load_to_database"
# The tables that each task reads and writes.
LINEAGE = {
    f"{COLLECTION}.extract_events": (set(), {"raw_events"}),
    f"{COLLECTION}.validate_data_quality": ({"raw_events"}, {"user_events"}),
    f"{COLLECTION}.load_to_database": ({"user_events"}, set()),
    f"{PREPROCESSING}.remove_duplicates": ({"user_events"}, {"deduped_events"}),
    f"{PREPROCESSING}.handle_missing_values": (
        {"deduped_events"},
        {"cleaned_events", "daily_interactions", "daily_items"},
    ),
    f"{PREPROCESSING}.create_user_item_matrix": (
        {"daily_interactions"},
        {"user_item_matrix", "user_index", "item_index"},
    ),
    f"{PREPROCESSING}.feature_engineering": (
        {"daily_interactions", "daily_items"},
        {"item_sums", "user_features", "item_features"},
    ),
}
METADATA = (
    f"SELECT e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id WHERE a.name = '{LOADED}' ORDER BY e.id"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare_environment(folder: Path, port: object) -> dict[str, str]:
    """Write settings with every path in `folder`; return the environment of an Airflow that uses them."""
    text = (ROOT / "conf" / "settings.toml").read_text().replace('"data/', f'"{folder}/')
    (folder / "settings.toml").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "AIRFLOW_HOME")}
    overrides = {"PIPELINE_SETTINGS": str(folder / "settings.toml"), "PIPELINE_LOGS": str(folder / "logs")}
    return inherited | overrides | {"AIRFLOW_PORT": str(port)}


class Airflow:
    """A running `make airflow`, used as a user would: through the command line and the API of the UI."""

    def __init__(self, folder: Path, port: int, process: int):
        self.folder, self.url, self.token, self.process = folder, f"http://localhost:{port}", None, process
        password = json.loads((folder / "airflow" / "passwords.json").read_text())["admin"]
        self.token = self.call_api("/auth/token", {"username": "admin", "password": password})[1]["access_token"]

    def rows(self, query: str) -> list[tuple]:
        """Query Airflow's own database."""
        connection = psycopg2.connect(f"user=postgres dbname=airflow host={data_folder(self.folder / 'postgres')}")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def listening_addresses(self) -> set[tuple[str, int]]:
        """Return every address and port on which one of its processes listens."""
        found = set()
        for process in psutil.Process(self.process).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                sockets = process.net_connections(kind="inet")
                found |= {tuple(each.laddr) for each in sockets if each.status == psutil.CONN_LISTEN}
        return found

    def run_command(self, *arguments: str) -> None:
        """Run a command in a shell after the line that `make airflow` prints for this purpose."""
        line = f'. {self.folder / "airflow" / "env.sh"}; exec airflow "$@"'
        result = subprocess.run(["bash", "-c", line, "-", *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def call_api(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Call the API as the UI does; return the status and the answer."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def trigger(self, dag: str, **params: str) -> tuple[int, Any]:
        return self.call_api(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": params})

    def wait_for_states(self, run: str, last: str) -> list[str]:
        """Wait until the task `last` has ended or waits for a retry; return the states of the collection tasks."""
        query = "SELECT task_id, state FROM task_instance WHERE dag_id = 'data_collection_pipeline' AND run_id = '{}'"
        end = time.monotonic() + MINUTES * 60
        final = ENDED[:-1] if last == "load_to_database" else ENDED
        while (found := dict(self.rows(query.format(run)))).get(last) not in final:
            assert time.monotonic() < end, found
            time.sleep(2)
        return [found[task] for task in ("extract_events", "validate_data_quality", "load_to_database")]

    def read_outcome(self, run: str, task: str) -> dict | None:
        """Read the value that the task has stored in XCom."""
        path = f"/api/v2/dags/{COLLECTION}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        status, answer = self.call_api(f"{path}?deserialize=true")
        return answer["value"] if status == 200 else None

    def kill_job(self, job: str) -> None:
        """Send SIGKILL to the JVM and the driver of a job as soon as both have started."""
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            for process in psutil.Process(self.process).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if job in " ".join(process.cmdline()) and process.name() == "java" and process.children():
                        for each in [*process.children(recursive=True), process]:
                            each.kill()
                        return
            time.sleep(0.5)
        raise TimeoutError(f"{job} did not start")

    def wait_for_green_runs(self, kind: str, *runs: str) -> None:
        """Wait for the given DAGs to have green runs of this kind (manual, backfill, scheduled).

        A DAG that is named twice needs two green runs. Fails after MINUTES or as soon as a task has failed.
        """
        query = f"SELECT dag_id, count(*) FROM dag_run WHERE run_type = '{kind}' AND state = 'success' GROUP BY 1"
        end = time.monotonic() + MINUTES * 60
        while any((green := dict(self.rows(query))).get(dag, 0) < runs.count(dag) for dag in runs):
            assert time.monotonic() < end, green
            assert not self.rows("SELECT dag_id, run_id, task_id FROM task_instance WHERE state = 'failed'")
            time.sleep(3)


@contextmanager
def run_airflow(folder: Path) -> Iterator[Airflow]:
    port = free_port()
    process = subprocess.Popen(
        START, env=prepare_environment(folder, port), stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines[1].startswith(f"airflow: http://localhost:{port}  user admin  password "), lines
        yield Airflow(folder, port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(90) == 130


@pytest.fixture
def folder() -> Iterator[Path]:
    """Create a folder outside of pytest's own folder, so that PostgreSQL's user can reach it."""
    path = Path(tempfile.mkdtemp(prefix="pipeline-airflow-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def open_warehouse(spark, folder: Path) -> Pipeline:
    """Return a pipeline that reads the warehouse in the folder."""
    database, warehouse = str(folder / "postgres"), f"paths.warehouse='{folder / 'warehouse'}'"
    return Pipeline(spark, Path(tempfile.mkdtemp(dir=folder)), database, warehouse)


def read_tables(spark, folder: Path, chosen: Iterable[tables.Table] = COMPARED_COLUMNS) -> dict[str, list[tuple]]:
    """Read all tables that are compared from the warehouse in the folder."""
    return {table.name: read_compared_rows(open_warehouse(spark, folder), table) for table in chosen}


def read_build_times(spark, folder: Path) -> dict[tuple[str, str], datetime]:
    """Read when each step last built each day."""
    rows = open_warehouse(spark, folder).read(tables.DAY_BUILDS).collect()
    return {(row.step, str(row.day)): row.built_at for row in rows}


def read_lineage_events(path: Path) -> list[dict]:
    """Read the OpenLineage events of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_lineage(folder: Path) -> dict[str, tuple[set[str], set[str]]]:
    """Return the tables that the Spark job of each Airflow task reports to have read and written.

    The run ids connect them: each query names its application as the parent, and each application names its task.
    """
    tasks = {
        event["run"]["runId"]: event["job"]["name"]
        for event in read_lineage_events(folder / "lineage" / "airflow.ndjson")
    }
    found = {}
    for path in (folder / "lineage").glob("spark-*.ndjson"):
        application, *others = read_lineage_events(path)
        parent = application["run"]["facets"]["parent"]["run"]["runId"]
        task = tasks[parent]
        assert task.endswith(f".{application['job']['name']}")
        parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in others}
        assert parents <= {parent, application["run"]["runId"]}
        read, written = found.setdefault(task, (set(), set()))
        for event in others:
            read.update(Path(each["name"]).name for each in event["inputs"])
            changed = (each for each in event["outputs"] if "lifecycleStateChange" in each["facets"])
            written.update(Path(each["name"]).name for each in changed)
    return found


@pytest.mark.long
def test_airflow_listens_on_this_machine_only(folder):
    with run_airflow(folder) as running:
        port = int(running.url.rpartition(":")[2])
        found = running.listening_addresses()
        assert ("127.0.0.1", port) in found
        # The last address is that of a Spark task.
        assert {address for address, _ in found} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.long
def test_the_scheduled_dags_become_green_and_build_the_tables_of_the_oracle(spark, folder):
    (folder / "raw").mkdir()  # as if a user had named this folder: Airflow generates no sample there
    generate(Span(), folder / "raw")
    with run_airflow(folder) as running:
        running.wait_for_green_runs("scheduled", COLLECTION, PREPROCESSING)
        running.wait_for_green_runs("asset_triggered", REPORT)
        metadata = running.rows(METADATA)[0]  # another run may begin when the next hour starts
        assert (metadata[0]["hours_loaded"], metadata[0]["rows_loaded"]) == (72, 100_000)
    # The report lists the seconds of each step.
    assert "create_user_item_matrix" in (folder / "reports" / "latest.html").read_text()
    lineage = read_lineage(folder)
    for task, (read, written) in LINEAGE.items():
        assert lineage[task][0] >= read and lineage[task][1] == written, (
            task,
            lineage[task],
        )
    (sample,) = (folder / "raw").glob("sample-*.csv")
    day = f"{now() - timedelta(days=1):%Y-%m-%d}"
    header, *lines = sample.read_text().splitlines(keepends=True)
    day_file = folder / "day.csv"
    day_file.write_text("".join([header, *(line for line in lines if line.startswith(day))]))
    whole, daily = compute([sample]), compute([day_file])
    found = read_tables(spark, folder)
    for table, columns in COMPARED_COLUMNS.items():
        oracle = whole if table in (tables.USER_EVENTS, tables.REJECTED_EVENTS) else daily
        assert found[table.name] == to_sorted_tuples(getattr(oracle, table.name).to_pylist(), columns), table.name


@pytest.mark.long
def test_backfills_by_command_ui_and_trigger_build_the_tables_of_make_run(spark, folder, tmp_path):
    """The user's own history has two days without hour 07; then this hour arrives late."""
    path = generate(Span(4_000, 48, datetime(2019, 10, 1)), folder / "raw" / "2019-Oct.csv")[0]
    header, *lines = path.read_text().splitlines(keepends=True)
    late = [line for line in lines if line.startswith("2019-10-01 07")]
    path.write_text("".join([header, *(line for line in lines if line not in set(late))]))
    (tmp_path / "raw").symlink_to(folder / "raw")
    with run_airflow(folder) as running:
        range_of_hours = ("--from-date", "2019-10-01T00:00", "--to-date", "2019-10-01T01:00")
        running.run_command("backfill", "create", "--dag-id", COLLECTION, *range_of_hours)
        running.wait_for_green_runs("backfill", COLLECTION, COLLECTION)
        assert running.trigger(COLLECTION, start="2019-10-01; id", end="2019-10-03")[0] == 400
        assert running.trigger(COLLECTION, start="2019-10-01", end="2019-10-03")[0] == 200
        running.wait_for_green_runs("manual", COLLECTION)
        dates = {"from_date": "2019-10-01T00:00:00Z", "to_date": "2019-10-01T00:00:00Z"}
        settings = {"run_backwards": False, "dag_run_conf": {}, "reprocess_behavior": "none", "max_active_runs": 1}
        assert running.call_api("/api/v2/backfills", {"dag_id": PREPROCESSING} | dates | settings)[0] == 200
        running.wait_for_green_runs("backfill", COLLECTION, COLLECTION, PREPROCESSING)
        running.run_command("dags", "trigger", PREPROCESSING, "--conf", '{"start": "2019-10-02", "end": "2019-10-03"}')
        running.wait_for_green_runs("manual", COLLECTION, PREPROCESSING)
        result = make_run(tmp_path)
        assert result.returncode == 0, result.stderr
        assert read_tables(spark, folder) == read_tables(spark, tmp_path)
        before = read_build_times(spark, folder)
        (folder / "raw" / "late.csv").write_text("".join([header, *late]))
        running.trigger(COLLECTION, start="2019-10-01T07")
        running.wait_for_green_runs("manual", COLLECTION, COLLECTION, PREPROCESSING)
        running.trigger(PREPROCESSING, start="2019-10-02")
        running.wait_for_green_runs("manual", COLLECTION, COLLECTION, PREPROCESSING, PREPROCESSING)
    rebuilt = {key for key, built in read_build_times(spark, folder).items() if built != before.get(key)}
    assert {day for step, day in rebuilt if step in ("remove_duplicates", "handle_missing_values")} == {"2019-10-01"}
    result = make_run(tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_tables(spark, folder) == read_tables(spark, tmp_path)


@pytest.mark.long
def test_a_run_loads_every_good_hour_and_the_load_task_reports_the_verdict(spark, folder, tmp_path):
    """The hour of the scheduled run never arrives, but late rows do. A manual run has a bad hour, and a job is killed.

    Takes ten minutes, because the task retries a missing hour for that long.
    """
    path = generate(Span(1_200, 6, datetime(2019, 10, 1)), folder / "raw" / "2019-Oct.csv")[0]
    good = path.read_text()
    header, *lines = good.splitlines(keepends=True)
    bad = [line.replace(",view,", ",what,") if line.startswith("2019-10-01 03") else line for line in lines]
    path.write_text("".join([header, *bad]))
    (tmp_path / "raw").symlink_to(folder / "raw")
    params = {"start": "2019-10-01T00", "end": "2019-10-01T06"}
    with run_airflow(folder) as running:
        first = running.trigger(COLLECTION, **params)[1]["dag_run_id"]
        assert running.wait_for_states(first, "load_to_database") == ["success", "success", "failed"]
        assert running.read_outcome(first, "validate_data_quality")["stopped"] == "2019-10-01T03"
        assert make_run(tmp_path).returncode == 3
        assert read_tables(spark, folder, HOURLY) == read_tables(spark, tmp_path, HOURLY)
        path.write_text(good)
        late = [line.replace(" 02:", " 01:") for line in lines if line.startswith("2019-10-01 02")]
        (folder / "raw" / "late.csv").write_text("".join([header, *late]))
        assert running.call_api(f"/api/v2/dags/{COLLECTION}/dagRuns/{first}/clear", {"dry_run": False})[0] == 200
        assert running.wait_for_states(first, "load_to_database") == ["success", "success", "success"]
        second = running.trigger(COLLECTION, **params)[1]["dag_run_id"]
        running.kill_job("validate_data_quality")
        assert running.wait_for_states(second, "validate_data_quality")[:2] == ["success", "up_for_retry"]
        ((scheduled,),) = running.rows(FIRST_SCHEDULED)
        assert running.wait_for_states(scheduled, "load_to_database") == ["success", "success", "skipped"]
        assert running.read_outcome(scheduled, "extract_events")["outcome"] == "missing"
        assert running.read_outcome(scheduled, "load_to_database")["outcome"] == "done"
    assert make_run(tmp_path).returncode == 0
    assert read_tables(spark, folder, HOURLY) == read_tables(spark, tmp_path, HOURLY)
    assert open_warehouse(spark, folder).read(tables.USER_EVENTS).count() == 1_200 + len(late)


def try_to_start(folder: Path, port: object) -> tuple[int, str]:
    result = subprocess.run(START, env=prepare_environment(folder, port), capture_output=True, text=True, check=False)
    return result.returncode, result.stderr


def test_a_port_in_use_or_an_invalid_port_is_refused_with_one_sentence(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port = probe.getsockname()[1]
        sentence = f"airflow: port {port} is in use; choose a free one: make airflow AIRFLOW_PORT=8090.\n"
        assert try_to_start(folder, port) == (1, sentence)
    assert try_to_start(folder, "eighty") == (
        2,
        "airflow: AIRFLOW_PORT=eighty is not a port; choose one: make airflow AIRFLOW_PORT=8090.\n",
    )
