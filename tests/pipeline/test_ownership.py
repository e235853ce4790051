"""One database belongs to one warehouse: another is refused, a handover and a release remove the rows first."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from release_database import warehouse_name

from spark_jobs.command_line import leased
from spark_jobs.commands import check, handover
from spark_jobs.context import Context, context
from spark_jobs.coordination import lease
from spark_jobs.errors import DatabaseError
from spark_jobs.flow import LOAD_TO_DATABASE, Writer
from spark_jobs.postgres import ownership
from spark_jobs.postgres.database import address
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.postgres.ownership import Owner
from spark_jobs.settings import ROOT
from tests.conftest import HEAD, OCTOBER_1, Pipeline

OURS, THEIRS = Owner("ours", "/data/ours"), Owner("theirs", "/data/theirs")
EVENT = "INSERT INTO user_events (user_id, item_id, event_type, timestamp) VALUES (1, 2, 'view', '2019-10-01')"
ROW = "2019-10-01 {hour:02}:00:00 UTC,view,{item},77,,,5,501,s\n"


@pytest.fixture
def url(database, postgres) -> str:
    return address(database, "local")


def opened(url: str, owner: Owner, epoch: int = 1) -> PostgresLoader:
    return PostgresLoader(url, lease.Lease("collection", epoch, owner.warehouse), owner)


def owner_of(postgres) -> tuple:
    (row,) = postgres("SELECT warehouse, path, released_at IS NOT NULL FROM pipeline.owner")
    return row


def hand_over(url: str, to: Owner, expected: Owner | None) -> None:
    with PostgresLoader(url) as database, database.transaction() as cursor:
        ownership.hand_over(cursor, to, expected)


def release(url: str, owner: Owner) -> bool:
    with PostgresLoader(url) as database, database.transaction() as cursor:
        return ownership.release(cursor, owner.warehouse)


def test_a_second_warehouse_is_refused_by_both_names_and_writes_nothing(url, postgres):
    opened(url, OURS).connection.close()
    before = postgres("SELECT xmin::text, * FROM pipeline.owner"), postgres("SELECT * FROM pipeline.leases")
    for refused in (lambda: opened(url, THEIRS), lambda: PostgresLoader(url, None, THEIRS)):
        with pytest.raises(DatabaseError) as caught:
            refused()
        assert all(part in str(caught.value) for part in (str(OURS), str(THEIRS), "make handover"))
    assert before == (postgres("SELECT xmin::text, * FROM pipeline.owner"), postgres("SELECT * FROM pipeline.leases"))
    PostgresLoader(url, None, OURS).connection.close()
    PostgresLoader(url).connection.close()


def test_a_warehouse_that_moved_is_the_same_and_its_path_is_updated(url, postgres):
    opened(url, OURS).connection.close()
    postgres(EVENT)
    with opened(url, replace(OURS, path="/elsewhere"), epoch=2) as moved:
        assert moved.removed is None
    assert owner_of(postgres) == ("ours", "/elsewhere", False)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_of_two_warehouses_at_the_same_moment_one_has_the_database(url, postgres):
    def tried(number: int) -> str | None:
        try:
            opened(url, Owner(f"w{number}", "/")).connection.close()
        except DatabaseError:
            return None
        return f"w{number}"

    with ThreadPoolExecutor(6) as pool:
        found = [name for name in pool.map(tried, range(6)) if name]
    assert len(found) == 1 and owner_of(postgres)[0] == found[0]
    assert postgres("SELECT warehouse FROM pipeline.leases") == [(found[0],)]


def test_a_database_of_an_older_version_belongs_to_the_latest_attempt(url, postgres):
    postgres("DROP TABLE pipeline.owner")
    postgres("INSERT INTO pipeline.leases VALUES ('theirs', 7), ('ours', 9), ('old', 8)")
    postgres(EVENT)
    with pytest.raises(DatabaseError, match=r"another warehouse, ours \(path unknown\); this one is theirs"):
        opened(url, THEIRS, epoch=99)
    opened(url, OURS, epoch=10).connection.close()
    assert owner_of(postgres) == ("ours", "/data/ours", False)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_a_handover_empties_the_database_and_ends_the_load_that_runs(url, postgres):
    postgres("INSERT INTO pipeline.catalog_file VALUES ('d')")
    loading = opened(url, OURS)
    loading.stage([OCTOBER_1.start])
    with pytest.raises(DatabaseError, match="cannot be reached or refuses"), loading.transaction() as cursor:
        cursor.execute(EVENT)
        hand_over(url, THEIRS, OURS)
        cursor.execute("SELECT 1")
    for table in ("user_events", "items", "pipeline.loaded_hours", "pipeline.catalog_file", "pipeline.leases"):
        assert postgres(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert postgres("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staging%'") == [(0,)]
    assert owner_of(postgres) == ("theirs", "/data/theirs", False)
    with pytest.raises(DatabaseError, match=r"theirs \(/data/theirs\); this one is ours \(/data/ours\)"):
        opened(url, OURS, epoch=2)


def test_a_transaction_after_the_handover_is_refused_by_the_names(url, postgres):
    with opened(url, OURS) as loading:
        loading.fence = replace(loading.fence)
        postgres("UPDATE pipeline.owner SET warehouse = 'theirs', path = '/t'")
        postgres("DELETE FROM pipeline.leases")
        with pytest.raises(DatabaseError, match=r"theirs \(/t\); this one is ours"), loading.transaction():
            pass


def test_a_handover_of_what_changed_since_the_question_removes_nothing(url, postgres):
    opened(url, OURS).connection.close()
    postgres(EVENT)
    with pytest.raises(DatabaseError, match="nothing was removed"):
        hand_over(url, THEIRS, None)
    assert owner_of(postgres)[0] == "ours" and postgres("SELECT count(*) FROM user_events") == [(1,)]


def test_a_released_database_keeps_its_rows_until_another_warehouse_claims_it(url, postgres):
    opened(url, OURS).connection.close()
    postgres(EVENT)
    assert not release(url, THEIRS) and release(url, OURS) and not release(url, OURS)
    assert owner_of(postgres) == ("ours", "/data/ours", True)
    assert postgres("SELECT count(*) FROM user_events") == [(1,)]
    PostgresLoader(url, None, THEIRS).connection.close()  # a reader of nobody's database is not refused
    with opened(url, OURS, epoch=2) as same:
        assert same.removed is None
    assert release(url, OURS)
    with opened(url, THEIRS) as claimed:
        assert claimed.removed == replace(OURS, released=True)
    assert owner_of(postgres) == ("theirs", "/data/theirs", False)
    assert postgres("SELECT count(*) FROM user_events") == [(0,)]
    assert postgres("SELECT warehouse FROM pipeline.leases") == [("theirs",)]


@pytest.fixture
def checkout(tmp_path, spark) -> Path:
    """A folder with tools/clean.sh and a warehouse of one lease."""
    (tmp_path / "tools").mkdir()
    for name in ("clean.sh", "release_database.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    pipeline_settings = Pipeline(spark, tmp_path, str(tmp_path / "none")).settings
    at = str(tmp_path / "data" / "warehouse")
    for _ in range(2):
        with leased(replace(pipeline_settings, paths=replace(pipeline_settings.paths, warehouse=at)), spark, Writer):
            pass
    return tmp_path


def test_clean_releases_the_database_and_removes_the_files_whatever_comes(checkout, url, postgres):
    name = warehouse_name(checkout / "data" / "warehouse")
    opened(url, Owner(name, "/here")).connection.close()
    kept = checkout / "kept"
    shutil.copytree(checkout / "data", kept)

    def clean(database: str | None) -> subprocess.CompletedProcess:
        shutil.copytree(kept, checkout / "data", dirs_exist_ok=True)
        chosen = {"YES": "1"} | ({"DATABASE_URL": database} if database else {})
        kept_variables = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        done = subprocess.run(
            ["bash", checkout / "tools" / "clean.sh"],
            env=kept_variables | chosen,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and done.stdout.endswith("clean: removed.\n"), done.stderr
        assert not (checkout / "data" / "warehouse").exists()
        return done

    assert clean(None).stderr == "" and owner_of(postgres) == (name, "/here", False)
    (line,) = clean("postgresql://u:secret@127.0.0.1:9/none").stderr.splitlines()
    assert line.startswith("clean: the database at DATABASE_URL still belongs to this warehouse, ")
    assert "cannot be reached" in line and "make handover" in line and "secret" not in line
    assert f"no longer belongs to this warehouse, {name}" in clean(url).stdout
    assert owner_of(postgres) == (name, "/here", True)
    assert clean(url).stdout == "clean: removed.\n"
    (checkout / ".venv").unlink()
    assert "without .venv" in clean(url).stderr


def loads(ctx: Context) -> dict:
    ctx.say = lambda line: None
    return ctx.run(LOAD_TO_DATABASE, OCTOBER_1)


def test_two_warehouses_of_real_runs(spark, tmp_path, database, postgres):
    """The second is refused, the first moves, the second takes over, the first is refused."""
    made = []
    for number, name in enumerate(("first", "second"), 1):
        (tmp_path / name).mkdir()
        pipeline = Pipeline(spark, tmp_path / name, database)
        pipeline.put("a.csv", HEAD + "".join(ROW.format(hour=hour, item=number) for hour in range(number)))
        pipeline.land()
        pipeline.judge()
        made.append(pipeline.settings)
    first, second = made
    with leased(first, spark, [Writer.COLLECTION]) as ctx:
        assert loads(ctx)["postgres_user_events"] == 1
    with leased(second, spark, [Writer.COLLECTION]) as ctx, pytest.raises(DatabaseError) as caught:
        loads(ctx)
    assert first.paths.warehouse in str(caught.value) and second.paths.warehouse in str(caught.value)
    with pytest.raises(DatabaseError, match="another warehouse"):
        check.compare_served_hours(context(second, spark))
    found = check.compare_served_hours(context(first, spark))
    assert (found.hours, found.rows) == (1, 1)
    moved = replace(first, paths=replace(first.paths, warehouse=str(tmp_path / "moved")))
    Path(first.paths.warehouse).rename(moved.paths.warehouse)
    with leased(moved, spark, [Writer.COLLECTION]) as ctx:
        assert loads(ctx)["hours_loaded"] == 0
    asked = []
    with leased(second, spark, [Writer.COLLECTION]) as ctx:
        assert handover.hand_over(ctx, lambda question: bool(asked.append(question))) == ["nothing was removed."]
        done = handover.hand_over(ctx, lambda question: True)
        assert "1 events" in asked[0] and moved.paths.warehouse in asked[0] and "removed 1 events" in done[0]
        assert loads(ctx)["postgres_user_events"] == 2
    assert postgres("SELECT DISTINCT item_id FROM user_events") == [(2,)]
    with leased(moved, spark, [Writer.COLLECTION]) as ctx, pytest.raises(DatabaseError, match="make handover"):
        loads(ctx)
