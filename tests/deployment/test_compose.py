"""The full stack in Docker: its secrets, and, if an engine is available, a start until both DAGs are green."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT


@pytest.mark.long
def test_the_stack_starts_and_both_dags_become_green():
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers on this machine")
    result = subprocess.run(["bash", ROOT / "docker" / "check.sh"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "compose-check: both DAGs are green; PostgreSQL serves 100000 events." in result.stdout


@pytest.mark.parametrize(
    ("example", "bind", "says"),
    [
        ("FERNET_KEY", "127.0.0.1", "FERNET_KEY or JWT_SECRET has the value of .env.example"),
        ("JWT_SECRET", "127.0.0.1", "FERNET_KEY or JWT_SECRET has the value of .env.example"),
        ("PASSWORD", "0.0.0.0", "AIRFLOW_ADMIN_PASSWORD is that of .env.example and the UI is open to the network"),
    ],
)
def test_the_stack_does_not_start_with_an_example_secret(example, bind, says):
    secrets = {"FERNET_KEY": "own", "JWT_SECRET": "own", "PASSWORD": "own"} | {example: "change-me"}
    environment = {
        "AIRFLOW__CORE__FERNET_KEY": secrets["FERNET_KEY"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets["JWT_SECRET"],
        "AIRFLOW_ADMIN_PASSWORD": secrets["PASSWORD"],
        "AIRFLOW_BIND": bind,
    }
    command = ["bash", ROOT / "docker" / "init.sh"]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"init: {says}")


def create_env_file(folder: Path) -> dict[str, str]:
    """Run docker/env.sh in a copy of the project and return the variables of the .env file that it creates."""
    (folder / "docker").mkdir()
    for name in ("docker/env.sh", ".env.example"):
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["bash", folder / "docker" / "env.sh"], capture_output=True, check=True)
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if "=" in line)


def test_each_secret_in_env_is_generated_and_only_its_owner_can_read_the_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, other = create_env_file(tmp_path / "a"), create_env_file(tmp_path / "b")
    secret = {name for name in first if name.endswith(("PASSWORD", "KEY", "SECRET"))}
    assert len(secret) == 7 and len({first[name] for name in secret} | {other[name] for name in secret}) == 14
    assert "change-me" not in first.values()
    assert (tmp_path / "a" / ".env").stat().st_mode & 0o077 == 0
