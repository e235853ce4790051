"""`make doctor` names each missing requirement and how to provide it."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT

BEFORE_SETUP = ("__init__.py", "project.py", "commands/__init__.py", "commands/doctor.py")


def run_doctor(python: str = sys.executable, root: Path = ROOT, **environment: str) -> tuple[int, dict[str, str]]:
    command = [python, "-m", "spark_jobs.commands.doctor"]
    variables = {name: value for name, value in os.environ.items() if name not in ("PIPELINE_HOME", "PYTHONPATH")}
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=variables | environment)
    assert result.stderr == ""
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()[:-1]]
    return result.returncode, {name: f"{state} {text}" for state, name, text in lines}


def test_every_check_of_a_complete_machine_is_ok():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, checks = run_doctor(AIRFLOW_PORT=str(port))
    assert {line.partition(" ")[0] for line in checks.values()} == {"ok"}, checks
    assert code == 0
    assert "pyspark 4.1.1, pyspark-client 4.1.1" in checks["packages"]
    assert len(checks) == 10


def test_each_missing_requirement_is_named_with_what_to_do(tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        url = "postgresql://me:secret@127.0.0.1:1/shop"
        code, checks = run_doctor(JAVA_HOME=str(tmp_path), DATABASE_URL=url, AIRFLOW_PORT=port)
    assert code == 1
    assert checks["java"].startswith("MISSING Java 17 or later is needed")
    assert "apt install openjdk-17-jre-headless" in checks["java"]
    assert checks["database"].startswith("MISSING PostgreSQL at DATABASE_URL refuses")
    assert "secret" not in checks["database"]
    assert checks["port"] == f"MISSING {port} is in use: run make airflow AIRFLOW_PORT={int(port) + 10}"


def test_before_the_setup_the_doctor_names_the_command_to_run(tmp_path):
    for name in ("requirements.lock", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "conf").mkdir()
    for folder in ("runtime", "commands"):
        (tmp_path / "spark_jobs" / folder).mkdir(parents=True)
    for name in (*BEFORE_SETUP, "runtime/__init__.py", "runtime/machine.py", "runtime/ports.py"):
        shutil.copy(ROOT / "spark_jobs" / name, tmp_path / "spark_jobs" / name)
    code, checks = run_doctor(root=tmp_path, python="python3")
    assert code == 1
    assert checks["environment"] == "MISSING nothing is set up yet: run make setup"
    assert checks["packages"] == checks["jars"] == checks["raw"] == "MISSING not installed yet: run make setup"
