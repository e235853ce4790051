"""Values that contain SQL, shell commands or HTML stay plain text, and a password stays in the environment."""

import os
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import psycopg2
import pytest

from spark_jobs import tables
from spark_jobs.commands.export import export
from spark_jobs.errors import DatabaseError
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.report import page
from spark_jobs.windows import HOUR, Window
from tests.conftest import Pipeline
from tests.events import HEAD, event_line
from tests.process import command, environment
from tests.project import ROOT

HOSTILE = (
    "'); DROP TABLE user_events;--",
    "<img src=x onerror=alert(1)>",
    "</td><script>alert(1)</script>",
    "$(touch pwned) `touch pwned`; touch pwned",
    "=cmd|' /C calc'!A0",
    "\\'; DELETE FROM items; --",
    "%s %(x)s {0} ${env:HOME}",
)
NAME = "x'); DROP TABLE items;--$(touch pwned)`touch pwned`<script>alert(1)<b>.csv"
IGNORED = "it's ignored'; DROP TABLE items"
PASSWORD = "s3cr3t-pw"


def make_lines() -> str:
    rows = [
        event_line(time=f"05:{i:02}:00", item_id=100 + i, category_code=text[:50], brand=text, session_id=text[:50])
        for i, text in enumerate(HOSTILE)
    ]
    rows += [event_line(time=f"05:{30 + i}:00", item_id=200, category_code="", brand="") for i in range(20)]
    rejected = event_line(
        time="05:59:00", event_type=HOSTILE[2], item_id=300, category_code="", brand=HOSTILE[1], session_id=HOSTILE[0]
    )
    ignored = event_line(time="05:58:00", event_type=IGNORED, item_id=301, category_code="", brand="", session_id="")
    return HEAD + "".join(rows) + rejected + ignored


def test_hostile_values_are_plain_text_in_the_tables_the_database_and_the_pages(spark, tmp_path, database, postgres):
    folder = tmp_path / "a folder; touch pwned $(touch pwned) <b> "
    folder.mkdir()
    pipeline = Pipeline(spark, folder, database, f'events.ignored_types=["{IGNORED}"]')
    pipeline.put(NAME, make_lines())
    hours = Window(datetime(2019, 10, 1, 5), datetime(2019, 10, 1, 6), HOUR)
    pipeline.land()
    pipeline.validate(hours)
    pipeline.load(hours)
    pipeline.run_daily()
    assert set(HOSTILE) <= {row.brand for row in pipeline.read(tables.CLEANED_EVENTS).collect()}
    assert {brand for (brand,) in postgres("SELECT brand FROM items WHERE brand IS NOT NULL")} == set(HOSTILE)
    assert {text for (text,) in postgres("SELECT session_id FROM user_events")} == {t[:50] for t in HOSTILE} | {"s"}
    rejected = {row.reasons[0]: row for row in pipeline.read(tables.REJECTED_EVENTS).collect()}
    assert set(rejected) == {"event_type_unknown", "event_type_ignored"}
    assert rejected["event_type_unknown"].file_name == NAME
    assert HOSTILE[1] in rejected["event_type_unknown"].raw_text
    pages = list((folder / "quality" / "docs").rglob("*.html"))
    assert pages
    for path in [*pages, page.write(pipeline.ctx(), {})]:
        text = path.read_text()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert len(export(pipeline.ctx(), "csv")) == 11
    assert not list(tmp_path.rglob("pwned")) + list(Path.cwd().glob("pwned"))


def test_the_embedded_database_listens_on_no_port(database, postgres):
    assert postgres("SHOW listen_addresses") == [("",)]
    servers = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "postgres"]
    assert servers
    for server in servers:
        with suppress(psutil.NoSuchProcess):  # a connection's process may end meanwhile
            listening = [c for c in server.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN]
            assert listening == []


def test_the_error_for_an_unreachable_database_contains_no_password():
    with pytest.raises(DatabaseError) as caught:
        PostgresLoader(f"postgresql://shop:{PASSWORD}@127.0.0.1:9/shop")
    assert PASSWORD not in str(caught.value)


@pytest.mark.long
def test_a_password_is_in_no_process_list_and_in_no_file_that_a_run_writes(tmp_path, database, postgres):
    postgres(f"DROP ROLE IF EXISTS shop; CREATE ROLE shop SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    parts = psycopg2.extensions.parse_dsn(choose_address(database, "local"))
    url = f"postgresql://shop:{PASSWORD}@/{parts['dbname']}?host={parts['host']}"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.csv").write_text(make_lines())
    variables = environment(tmp_path) | {"DATABASE_URL": url}
    process = subprocess.Popen(
        command(tmp_path), env=variables, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    command_lines = set()
    while process.poll() is None:
        for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            try:
                command_lines.add(" ".join(each.cmdline()))
            except psutil.Error:
                continue
    output = process.stdout.read()
    assert process.returncode == 0, output
    assert postgres("SELECT count(*) FROM user_events") == [(27,)]
    assert PASSWORD not in output
    assert any("java" in line for line in command_lines)
    assert not [line for line in command_lines if PASSWORD in line]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert os.environ.get("DATABASE_URL") is None
