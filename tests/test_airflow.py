"""Real runs through a real scheduler: `make airflow` from an empty folder to green, and the tables that it made."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from spark_jobs import tables
from spark_jobs.session import now
from spark_jobs.settings import ROOT, load
from tests.conftest import Pipeline
from tests.oracle_duckdb import compute
from tests.test_tables import COMPARED, held, multiset

MINUTES = 12


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def runs(folder: Path) -> dict[str, str]:
    """The state of each DAG's run; empty before there is a database."""
    try:
        connection = psycopg2.connect(f"user=postgres dbname=airflow host={folder / 'postgres'}")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT dag_id, state FROM dag_run")
            return dict(cursor.fetchall())
    except psycopg2.Error:
        return {}


def settings_in(folder: Path) -> Path:
    """A settings file whose paths lie in `folder`."""
    text = (ROOT / "conf" / "settings.toml").read_text().replace('"data/', f'"{folder}/')
    path = folder / "settings.toml"
    path.write_text(text)
    return path


@pytest.mark.long
def test_both_dags_become_green_by_themselves_and_make_the_tables_of_the_oracle(spark):
    folder = Path(tempfile.mkdtemp(prefix="pipeline-airflow-"))  # PostgreSQL's user must reach it
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "AIRFLOW_HOME")}
    environment |= {"PIPELINE_SETTINGS": str(settings_in(folder)), "PIPELINE_LOGS": str(folder / "logs")}
    command = [sys.executable, ROOT / "conf" / "local_airflow.py"]
    process = subprocess.Popen(
        command, env=environment | {"AIRFLOW_PORT": str(free_port())}, stderr=subprocess.PIPE, process_group=0
    )
    try:
        until = time.monotonic() + MINUTES * 60
        while time.monotonic() < until and process.poll() is None:
            states = runs(folder)
            if len(states) == 2 and set(states.values()) <= {"success", "failed"}:
                break
            time.sleep(5)
        assert states == {"data_collection_pipeline": "success", "data_preprocessing_pipeline": "success"}
    finally:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(90) == 130
    compare(spark, folder)


def compare(spark, folder: Path) -> None:
    """user_events against all of the sample; what the day's run made against the sample's lines of that day."""
    (folder / "reader").mkdir()
    pipeline = Pipeline(spark, folder / "reader", "")
    pipeline.settings = load(file=folder / "settings.toml")
    (sample,) = (folder / "raw").glob("sample-*.csv")
    day = f"{now() - timedelta(days=1):%Y-%m-%d}"
    header, *lines = sample.read_text().splitlines(keepends=True)
    of_day = folder / "day.csv"
    of_day.write_text("".join([header, *(line for line in lines if line.startswith(day))]))
    whole, daily = compute([sample]), compute([of_day])
    for table, columns in COMPARED.items():
        oracle = whole if table in (tables.USER_EVENTS, tables.REJECTED_EVENTS) else daily
        assert held(pipeline, table) == multiset(getattr(oracle, table.name).to_pylist(), columns), table.name
