"""Real runs through a real scheduler: from an empty folder to green, and back-fills of any kind against `make run`."""

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
from spark_jobs.settings import ROOT
from tests.conftest import Pipeline
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import COMPARED, held, multiset
from tests.process import run as make_run

START = [sys.executable, ROOT / "tools" / "local_airflow.py"]
COLLECTION, PREPROCESSING, REPORT = "data_collection_pipeline", "data_preprocessing_pipeline", "run_report"
MINUTES = 20
ENDED = ("success", "failed", "skipped", "upstream_failed", "up_for_retry")
HOURLY = (tables.USER_EVENTS, tables.REJECTED_EVENTS)
FIRST_SCHEDULED = (
    f"SELECT run_id FROM dag_run WHERE dag_id = '{COLLECTION}' AND run_type = 'scheduled' ORDER BY id LIMIT 1"
)
LOADED = "pipeline_load_to_database"
# By task, what it reads and writes.
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


def environment(folder: Path, port: object) -> dict[str, str]:
    """For an Airflow whose every path lies in `folder`."""
    text = (ROOT / "conf" / "settings.toml").read_text().replace('"data/', f'"{folder}/')
    (folder / "settings.toml").write_text(text)
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "AIRFLOW_HOME")}
    own = {"PIPELINE_SETTINGS": str(folder / "settings.toml"), "PIPELINE_LOGS": str(folder / "logs")}
    return kept | own | {"AIRFLOW_PORT": str(port)}


class Airflow:
    """A running `make airflow`, used as people do: command line, UI (its API), and a look at the runs' states."""

    def __init__(self, folder: Path, port: int, process: int):
        self.folder, self.url, self.token, self.process = folder, f"http://localhost:{port}", None, process
        password = json.loads((folder / "airflow" / "passwords.json").read_text())["admin"]
        self.token = self.ask("/auth/token", {"username": "admin", "password": password})[1]["access_token"]

    def rows(self, query: str) -> list[tuple]:
        """Rows of Airflow's own database."""
        connection = psycopg2.connect(f"user=postgres dbname=airflow host={data_folder(self.folder / 'postgres')}")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def listens(self) -> set[tuple[str, int]]:
        """Every address and port at which one of its processes listens."""
        found = set()
        for process in psutil.Process(self.process).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                sockets = process.net_connections(kind="inet")
                found |= {tuple(each.laddr) for each in sockets if each.status == psutil.CONN_LISTEN}
        return found

    def command(self, *arguments: str) -> None:
        """A command typed by hand, after the line that `make airflow` prints for it."""
        line = f'. {self.folder / "airflow" / "env.sh"}; exec airflow "$@"'
        done = subprocess.run(["bash", "-c", line, "-", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """What the UI asks the API; the status and the answer."""
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
        return self.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": params})

    def states(self, run: str, last: str) -> list[str]:
        """The states of the collection's tasks, in their order, once that of `last` has its end or is tried again."""
        query = "SELECT task_id, state FROM task_instance WHERE dag_id = 'data_collection_pipeline' AND run_id = '{}'"
        end = time.monotonic() + MINUTES * 60
        final = ENDED[:-1] if last == "load_to_database" else ENDED
        while (found := dict(self.rows(query.format(run)))).get(last) not in final:
            assert time.monotonic() < end, found
            time.sleep(2)
        return [found[task] for task in ("extract_events", "validate_data_quality", "load_to_database")]

    def outcome(self, run: str, task: str) -> dict | None:
        """What the task has left in XCom."""
        path = f"/api/v2/dags/{COLLECTION}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        status, answer = self.ask(f"{path}?deserialize=true")
        return answer["value"] if status == 200 else None

    def kill(self, job: str) -> None:
        """SIGKILL of a job's JVM and of its driver, as soon as both are there."""
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

    def ended(self, kind: str, *runs: str) -> None:
        """Until so many runs of this kind (manual, backfill, scheduled) of each DAG are green.

        Fails after MINUTES, or as soon as a task has failed.
        """
        query = f"SELECT dag_id, count(*) FROM dag_run WHERE run_type = '{kind}' AND state = 'success' GROUP BY 1"
        end = time.monotonic() + MINUTES * 60
        while any((green := dict(self.rows(query))).get(dag, 0) < runs.count(dag) for dag in runs):
            assert time.monotonic() < end, green
            assert not self.rows("SELECT dag_id, run_id, task_id FROM task_instance WHERE state = 'failed'")
            time.sleep(3)


@contextmanager
def airflow(folder: Path) -> Iterator[Airflow]:
    port = free_port()
    process = subprocess.Popen(START, env=environment(folder, port), stdout=subprocess.PIPE, text=True, process_group=0)
    try:
        said = [process.stdout.readline() for _ in range(4)]
        assert said[1].startswith(f"airflow: http://localhost:{port}  user admin  password "), said
        yield Airflow(folder, port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(90) == 130


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: PostgreSQL's user must reach it."""
    path = Path(tempfile.mkdtemp(prefix="pipeline-airflow-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def reader(spark, folder: Path) -> Pipeline:
    """Reads the warehouse in the folder."""
    database, warehouse = str(folder / "postgres"), f"paths.warehouse='{folder / 'warehouse'}'"
    return Pipeline(spark, Path(tempfile.mkdtemp(dir=folder)), database, warehouse)


def tables_of(spark, folder: Path, chosen: Iterable[tables.Table] = COMPARED) -> dict[str, list[tuple]]:
    """All that is compared, from the warehouse in the folder."""
    return {table.name: held(reader(spark, folder), table) for table in chosen}


def builds(spark, folder: Path) -> dict[tuple[str, str], datetime]:
    """When each step last built each day."""
    rows = reader(spark, folder).read(tables.DAY_BUILDS).collect()
    return {(row.step, str(row.day)): row.built_at for row in rows}


def events(path: Path) -> list[dict]:
    """What OpenLineage was told in this file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def lineage(folder: Path) -> dict[str, tuple[set[str], set[str]]]:
    """By task as Airflow tells of it, the tables that its Spark job tells to have read and written: each query hangs on
    its application, the application on the task, by the ids of their runs."""
    tasks = {event["run"]["runId"]: event["job"]["name"] for event in events(folder / "lineage" / "airflow.ndjson")}
    found = {}
    for path in (folder / "lineage").glob("spark-*.ndjson"):
        application, *others = events(path)
        above = application["run"]["facets"]["parent"]["run"]["runId"]
        task = tasks[above]
        assert task.endswith(f".{application['job']['name']}")
        parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in others}
        assert parents <= {above, application["run"]["runId"]}
        read, written = found.setdefault(task, (set(), set()))
        for event in others:
            read.update(Path(each["name"]).name for each in event["inputs"])
            changed = (each for each in event["outputs"] if "lifecycleStateChange" in each["facets"])
            written.update(Path(each["name"]).name for each in changed)
    return found


@pytest.mark.long
def test_it_listens_on_this_machine_alone(folder):
    with airflow(folder) as running:
        port = int(running.url.rpartition(":")[2])
        found = running.listens()
        assert ("127.0.0.1", port) in found
        assert {address for address, _ in found} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}  # Spark's, of a task


@pytest.mark.long
def test_the_dags_become_green_by_themselves_and_make_the_tables_of_the_oracle(spark, folder):
    (folder / "raw").mkdir()  # a folder that a user named: no sample is made there
    generate(Span(), folder / "raw")
    with airflow(folder) as running:
        running.ended("scheduled", COLLECTION, PREPROCESSING)
        running.ended("asset_triggered", REPORT)
        metadata = running.rows(METADATA)[0]  # the hour may turn meanwhile, and another run begin
        assert (metadata[0]["hours_loaded"], metadata[0]["rows_loaded"]) == (72, 100_000)
    assert "create_user_item_matrix" in (folder / "reports" / "latest.html").read_text()  # with its seconds
    reported = lineage(folder)
    for task, (read, written) in LINEAGE.items():
        assert reported[task][0] >= read and reported[task][1] == written, (task, reported[task])
    (sample,) = (folder / "raw").glob("sample-*.csv")
    day = f"{now() - timedelta(days=1):%Y-%m-%d}"
    header, *lines = sample.read_text().splitlines(keepends=True)
    of_day = folder / "day.csv"
    of_day.write_text("".join([header, *(line for line in lines if line.startswith(day))]))
    whole, daily = compute([sample]), compute([of_day])
    found = tables_of(spark, folder)
    for table, columns in COMPARED.items():
        oracle = whole if table in (tables.USER_EVENTS, tables.REJECTED_EVENTS) else daily
        assert found[table.name] == multiset(getattr(oracle, table.name).to_pylist(), columns), table.name


@pytest.mark.long
def test_back_fills_by_command_by_ui_and_by_trigger_make_the_tables_of_make_run(spark, folder, tmp_path):
    """Two days of history of a user's own, hour 07 missing; then that hour comes late."""
    path = generate(Span(4_000, 48, datetime(2019, 10, 1)), folder / "raw" / "2019-Oct.csv")[0]
    header, *lines = path.read_text().splitlines(keepends=True)
    late = [line for line in lines if line.startswith("2019-10-01 07")]
    path.write_text("".join([header, *(line for line in lines if line not in set(late))]))
    (tmp_path / "raw").symlink_to(folder / "raw")
    with airflow(folder) as running:
        range_of_hours = ("--from-date", "2019-10-01T00:00", "--to-date", "2019-10-01T01:00")
        running.command("backfill", "create", "--dag-id", COLLECTION, *range_of_hours)
        running.ended("backfill", COLLECTION, COLLECTION)
        assert running.trigger(COLLECTION, start="2019-10-01; id", end="2019-10-03")[0] == 400
        assert running.trigger(COLLECTION, start="2019-10-01", end="2019-10-03")[0] == 200
        running.ended("manual", COLLECTION)
        dates = {"from_date": "2019-10-01T00:00:00Z", "to_date": "2019-10-01T00:00:00Z"}
        settings = {"run_backwards": False, "dag_run_conf": {}, "reprocess_behavior": "none", "max_active_runs": 1}
        assert running.ask("/api/v2/backfills", {"dag_id": PREPROCESSING} | dates | settings)[0] == 200
        running.ended("backfill", COLLECTION, COLLECTION, PREPROCESSING)
        running.command("dags", "trigger", PREPROCESSING, "--conf", '{"start": "2019-10-02", "end": "2019-10-03"}')
        running.ended("manual", COLLECTION, PREPROCESSING)
        done = make_run(tmp_path)
        assert done.returncode == 0, done.stderr
        assert tables_of(spark, folder) == tables_of(spark, tmp_path)
        before = builds(spark, folder)
        (folder / "raw" / "late.csv").write_text("".join([header, *late]))
        running.trigger(COLLECTION, start="2019-10-01T07")
        running.ended("manual", COLLECTION, COLLECTION, PREPROCESSING)
        running.trigger(PREPROCESSING, start="2019-10-02")
        running.ended("manual", COLLECTION, COLLECTION, PREPROCESSING, PREPROCESSING)
    rebuilt = {key for key, built in builds(spark, folder).items() if built != before.get(key)}
    assert {day for step, day in rebuilt if step in ("remove_duplicates", "handle_missing_values")} == {"2019-10-01"}
    done = make_run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert tables_of(spark, folder) == tables_of(spark, tmp_path)


@pytest.mark.long
def test_a_run_does_all_it_can_and_the_load_gives_the_verdict(spark, folder, tmp_path):
    """The scheduled run's hour never comes, but late rows do; by hand, a range with a bad hour, and a job is killed.

    Takes the ten minutes in which a missing hour is asked for again.
    """
    path = generate(Span(1_200, 6, datetime(2019, 10, 1)), folder / "raw" / "2019-Oct.csv")[0]
    good = path.read_text()
    header, *lines = good.splitlines(keepends=True)
    bad = [line.replace(",view,", ",what,") if line.startswith("2019-10-01 03") else line for line in lines]
    path.write_text("".join([header, *bad]))
    (tmp_path / "raw").symlink_to(folder / "raw")
    given = {"start": "2019-10-01T00", "end": "2019-10-01T06"}
    with airflow(folder) as running:
        first = running.trigger(COLLECTION, **given)[1]["dag_run_id"]
        assert running.states(first, "load_to_database") == ["success", "success", "failed"]
        assert running.outcome(first, "validate_data_quality")["stopped"] == "2019-10-01T03"
        assert make_run(tmp_path).returncode == 3
        assert tables_of(spark, folder, HOURLY) == tables_of(spark, tmp_path, HOURLY)
        path.write_text(good)
        late = [line.replace(" 02:", " 01:") for line in lines if line.startswith("2019-10-01 02")]
        (folder / "raw" / "late.csv").write_text("".join([header, *late]))
        assert running.ask(f"/api/v2/dags/{COLLECTION}/dagRuns/{first}/clear", {"dry_run": False})[0] == 200
        assert running.states(first, "load_to_database") == ["success", "success", "success"]
        second = running.trigger(COLLECTION, **given)[1]["dag_run_id"]
        running.kill("validate_data_quality")
        assert running.states(second, "validate_data_quality")[:2] == ["success", "up_for_retry"]
        ((scheduled,),) = running.rows(FIRST_SCHEDULED)
        assert running.states(scheduled, "load_to_database") == ["success", "success", "skipped"]
        assert running.outcome(scheduled, "extract_events")["outcome"] == "missing"
        assert running.outcome(scheduled, "load_to_database")["outcome"] == "done"
    assert make_run(tmp_path).returncode == 0
    assert tables_of(spark, folder, HOURLY) == tables_of(spark, tmp_path, HOURLY)
    assert reader(spark, folder).read(tables.USER_EVENTS).count() == 1_200 + len(late)


def refused(folder: Path, port: object) -> tuple[int, str]:
    done = subprocess.run(START, env=environment(folder, port), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_port_in_use_or_no_port_at_all_is_one_sentence(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = f"airflow: port {port} is in use; choose a free one: make airflow AIRFLOW_PORT=8090.\n"
        assert refused(folder, port) == (1, sentence)
    assert refused(folder, "eighty") == (
        2,
        "airflow: AIRFLOW_PORT=eighty is not a port; choose one: make airflow AIRFLOW_PORT=8090.\n",
    )
