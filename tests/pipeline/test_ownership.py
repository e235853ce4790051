"""A database belongs to one warehouse: another one is refused, and gets it only after the rows are removed."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from spark_jobs.command_line import hold_leases
from spark_jobs.commands import check, handover
from spark_jobs.commands.clean import warehouse_name
from spark_jobs.context import Context, context
from spark_jobs.coordination import lease
from spark_jobs.errors import DatabaseError
from spark_jobs.flow import LOAD_TO_DATABASE, Writer
from spark_jobs.postgres import ownership
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.postgres.ownership import Owner
from spark_jobs.settings import Settings
from tests.conftest import OCTOBER_1, Pipeline
from tests.events import HEAD, event_line
from tests.project import ROOT

CLEAN = Path("spark_jobs", "commands", "clean.sh")

OURS, THEIRS = Owner("ours", "/data/ours"), Owner("theirs", "/data/theirs")
EVENT = "INSERT INTO user_events (user_id, item_id, event_type, timestamp) VALUES (1, 2, 'view', '2019-10-01')"


@pytest.fixture
def url(database, postgres) -> str:
    return choose_address(database, "local")


def open_loader(url: str, owner: Owner, epoch: int = 1) -> PostgresLoader:
    return PostgresLoader(url, lease.Lease("collection", epoch, owner.warehouse), owner)


def read_owner(postgres) -> tuple:
    (row,) = postgres("SELECT warehouse, path, released_at IS NOT NULL FROM pipeline.owner")
    return row


def hand_over(url: str, to: Owner, expected: Owner | None) -> None:
    with PostgresLoader(url) as database, database.transaction() as cursor:
        ownership.hand_over(cursor, to, expected)


def release(url: str, owner: Owner) -> bool:
    with PostgresLoader(url) as database, database.transaction() as cursor:
        return ownership.release(cursor, owner.warehouse)


def test_a_second_warehouse_is_refused_with_both_names_and_writes_nothing(url, postgres):
    open_loader(url, OURS).connection.close()
    before = postgres("SELECT xmin::text, * FROM pipeline.owner"), postgres("SELECT * FROM pipeline.leases")
    for open_other in (lambda: open_loader(url, THEIRS), lambda: PostgresLoader(url, None, THEIRS)):
        with pytest.raises(DatabaseError) as caught:
            open_other()
        assert all(part in str(caught.value) for part in (str(OURS), str(THEIRS), "make handover"))
    assert before == (postgres("SELECT xmin::text, * FROM pipeline.owner"), postgres("SELECT * FROM pipeline.leases"))
    PostgresLoader(url, None, OURS).connection.close()
    PostgresLoader(url).connection.close()


def test_a_moved_warehouse_keeps_its_database_and_its_path_is_updated(url, postgres):
    open_loader(url, OURS).connection.close()
    postgres(EVENT)
    with open_loader(url, replace(OURS, path="/elsewhere"), epoch=2) as moved:
        assert moved.removed is None
    assert read_owner(postgres) == ("ours", "/elsewhere", False)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_only_one_of_several_simultaneous_warehouses_gets_the_database(url, postgres):
    def try_to_open(number: int) -> str | None:
        try:
            open_loader(url, Owner(f"w{number}", "/")).connection.close()
        except DatabaseError:
            return None
        return f"w{number}"

    with ThreadPoolExecutor(6) as pool:
        found = [name for name in pool.map(try_to_open, range(6)) if name]
    assert len(found) == 1 and read_owner(postgres)[0] == found[0]
    assert postgres("SELECT warehouse FROM pipeline.leases") == [(found[0],)]


def test_a_database_without_an_owner_table_belongs_to_the_warehouse_with_the_latest_lease(url, postgres):
    postgres("DROP TABLE pipeline.owner")
    postgres("INSERT INTO pipeline.leases VALUES ('theirs', 7), ('ours', 9), ('old', 8)")
    postgres(EVENT)
    with pytest.raises(DatabaseError, match=r"another warehouse, ours \(path unknown\); this one is theirs"):
        open_loader(url, THEIRS, epoch=99)
    open_loader(url, OURS, epoch=10).connection.close()
    assert read_owner(postgres) == ("ours", "/data/ours", False)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_a_handover_empties_the_database_and_ends_a_running_load(url, postgres):
    postgres("INSERT INTO pipeline.catalog_file VALUES ('d')")
    loading = open_loader(url, OURS)
    loading.stage([OCTOBER_1.start])
    with pytest.raises(DatabaseError, match="cannot be reached or refuses"), loading.transaction() as cursor:
        cursor.execute(EVENT)
        hand_over(url, THEIRS, OURS)
        cursor.execute("SELECT 1")
    for table in ("user_events", "items", "pipeline.loaded_hours", "pipeline.catalog_file", "pipeline.leases"):
        assert postgres(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert postgres("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staging%'") == [(0,)]
    assert read_owner(postgres) == ("theirs", "/data/theirs", False)
    with pytest.raises(DatabaseError, match=r"theirs \(/data/theirs\); this one is ours \(/data/ours\)"):
        open_loader(url, OURS, epoch=2)


def test_a_transaction_after_a_handover_is_refused_with_both_names(url, postgres):
    with open_loader(url, OURS) as loading:
        loading.fence = replace(loading.fence)
        postgres("UPDATE pipeline.owner SET warehouse = 'theirs', path = '/t'")
        postgres("DELETE FROM pipeline.leases")
        with pytest.raises(DatabaseError, match=r"theirs \(/t\); this one is ours"), loading.transaction():
            pass


def test_a_handover_removes_nothing_if_the_owner_changed_after_the_question(url, postgres):
    open_loader(url, OURS).connection.close()
    postgres(EVENT)
    with pytest.raises(DatabaseError, match="nothing was removed"):
        hand_over(url, THEIRS, None)
    assert read_owner(postgres)[0] == "ours" and postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_a_released_database_keeps_its_rows_until_another_warehouse_claims_it(url, postgres):
    open_loader(url, OURS).connection.close()
    postgres(EVENT)
    assert not release(url, THEIRS) and release(url, OURS) and not release(url, OURS)
    assert read_owner(postgres) == ("ours", "/data/ours", True)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]
    PostgresLoader(url, None, THEIRS).connection.close()  # a reader may open a released database
    with open_loader(url, OURS, epoch=2) as same:
        assert same.removed is None
    assert release(url, OURS)
    with open_loader(url, THEIRS) as claimed:
        assert claimed.removed == replace(OURS, released=True)
    assert read_owner(postgres) == ("theirs", "/data/theirs", False)
    assert postgres("SELECT count(*) FROM user_events") == [(0,)]
    assert postgres("SELECT warehouse FROM pipeline.leases") == [("theirs",)]


def move_warehouse(settings: Settings, location: str) -> Settings:
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"warehouse": location})})


@pytest.fixture
def checkout(tmp_path, spark) -> Path:
    """Create a folder with clean.sh and a warehouse that contains only leases."""
    (tmp_path / "spark_jobs" / "commands").mkdir(parents=True)
    shutil.copy(ROOT / CLEAN, tmp_path / CLEAN)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    pipeline_settings = Pipeline(spark, tmp_path, str(tmp_path / "none")).settings
    location = str(tmp_path / "data" / "warehouse")
    for _ in range(2):
        with hold_leases(move_warehouse(pipeline_settings, location), spark, Writer):
            pass
    return tmp_path


def test_clean_releases_the_database_and_removes_the_files_even_if_the_release_fails(checkout, url, postgres):
    name = warehouse_name(checkout / "data" / "warehouse")
    open_loader(url, Owner(name, "/here")).connection.close()
    backup = checkout / "kept"
    shutil.copytree(checkout / "data", backup)

    def clean(database: str | None) -> subprocess.CompletedProcess:
        shutil.copytree(backup, checkout / "data", dirs_exist_ok=True)
        chosen = {"YES": "1"} | ({"DATABASE_URL": database} if database else {})
        variables = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        result = subprocess.run(
            ["bash", checkout / CLEAN],
            env=variables | chosen,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0 and result.stdout.endswith("clean: removed.\n"), result.stderr
        assert not (checkout / "data" / "warehouse").exists()
        return result

    assert clean(None).stderr == "" and read_owner(postgres) == (name, "/here", False)
    (line,) = clean("postgresql://u:secret@127.0.0.1:9/none").stderr.splitlines()
    assert line.startswith("clean: the database at DATABASE_URL still belongs to this warehouse, ")
    assert "cannot be reached" in line and "make handover" in line and "secret" not in line
    assert f"no longer belongs to this warehouse, {name}" in clean(url).stdout
    assert read_owner(postgres) == (name, "/here", True)
    assert clean(url).stdout == "clean: removed.\n"
    shutil.rmtree(checkout / ".venv")
    assert "without .venv" in clean(url).stderr


def load(ctx: Context) -> dict:
    ctx.say = lambda line: None
    return ctx.run(LOAD_TO_DATABASE, OCTOBER_1)


def test_only_the_owner_can_load_and_check_before_and_after_a_move_and_a_handover(spark, tmp_path, database, postgres):
    """Refuse the second warehouse, move the first, hand the database over to the second, and refuse the first."""
    all_settings = []
    for number, name in enumerate(("first", "second"), 1):
        (tmp_path / name).mkdir()
        pipeline = Pipeline(spark, tmp_path / name, database)
        pipeline.put(
            "a.csv", HEAD + "".join(event_line(time=f"{hour:02}:00:00", item_id=number) for hour in range(number))
        )
        pipeline.land()
        pipeline.validate()
        all_settings.append(pipeline.settings)
    first, second = all_settings
    with hold_leases(first, spark, [Writer.COLLECTION]) as ctx:
        assert load(ctx)["postgres_user_events"] == 1
    with hold_leases(second, spark, [Writer.COLLECTION]) as ctx, pytest.raises(DatabaseError) as caught:
        load(ctx)
    assert first.paths.warehouse in str(caught.value) and second.paths.warehouse in str(caught.value)
    with pytest.raises(DatabaseError, match="another warehouse"):
        check.compare_served_hours(context(second, spark))
    found = check.compare_served_hours(context(first, spark))
    assert (found.hours, found.rows) == (1, 1)
    moved = move_warehouse(first, str(tmp_path / "moved"))
    Path(first.paths.warehouse).rename(moved.paths.warehouse)
    with hold_leases(moved, spark, [Writer.COLLECTION]) as ctx:
        assert load(ctx)["hours_loaded"] == 0
    questions = []
    with hold_leases(second, spark, [Writer.COLLECTION]) as ctx:
        assert handover.hand_over(ctx, lambda question: bool(questions.append(question))) == ["nothing was removed."]
        lines = handover.hand_over(ctx, lambda question: True)
        assert "1 events" in questions[0] and moved.paths.warehouse in questions[0] and "removed 1 events" in lines[0]
        assert load(ctx)["postgres_user_events"] == 2
    assert postgres("SELECT DISTINCT item_id FROM user_events") == [(2,)]
    with hold_leases(moved, spark, [Writer.COLLECTION]) as ctx, pytest.raises(DatabaseError, match="make handover"):
        load(ctx)
