"""Runs that die between two writes, and the next run, which completes their work."""

from datetime import datetime

import psycopg2
import pytest

from spark_jobs import tables
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import assert_tables_equal_oracle

DAY_1 = Window(datetime(2019, 10, 1), datetime(2019, 10, 2), DAY)


class Killed(BaseException):
    """Simulates the end of the process: the code under test never catches it."""


def die_at_write(monkeypatch, number: int, before: bool) -> list[str]:
    """Make the process die just before or just after the `number`-th write; return the list of completed writes."""
    writes: list[str] = []

    def wrap(owner, name):
        original = getattr(owner, name)

        def write(self, *args, **kwargs):
            if before and len(writes) + 1 == number:
                raise Killed
            result = original(self, *args, **kwargs)
            writes.append(name)
            if len(writes) == number:
                raise Killed
            return result

        monkeypatch.setattr(owner, name, write)

    for owner, name in (
        (TableWriter, "replace"),
        (TableWriter, "append"),
        (PostgresLoader, "copy"),
        (PostgresLoader, "_replace_day"),
    ):
        wrap(owner, name)
    return writes


def retry_until_it_survives(monkeypatch, step, before: bool) -> int:
    """Repeat `step`, each time dying one write later, until it succeeds; return how often it died."""
    number = 1
    while True:
        with monkeypatch.context() as patch:
            die_at_write(patch, number, before)
            try:
                step()
            except Killed:
                number += 1
                continue
        return number - 1


@pytest.mark.long
@pytest.mark.parametrize("before", [False, True], ids=["after a write", "before a write"])
def test_the_next_run_completes_a_run_that_died_at_any_write(pipeline, postgres, monkeypatch, before):
    path = generate(Span(1_500, 24, datetime(2019, 10, 1)), pipeline.raw, seed=5, ratings=True)[0]
    with path.open("a") as file:
        file.write("a line that is none\n2019-10-01 12:00:00 UTC,VIEW,1,2,,,1.00,3,s,\n")
    hours = Window(DAY_1.start, DAY_1.end, HOUR)
    steps = (
        pipeline.land,
        lambda: pipeline.validate(hours),
        lambda: pipeline.load(hours),
        lambda: pipeline.run_daily(DAY_1),
    )
    deaths = [retry_until_it_survives(monkeypatch, step, before) for step in steps]
    assert all(count >= 2 for count in deaths), deaths
    assert_tables_equal_oracle(pipeline, postgres, compute([path]))
    assert pipeline.validate(hours)["rejected_events"] == 2
    assert all(row["built"] and not row["dirty"] for row in Ledger(pipeline.ctx().storage).days())
    assert postgres("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staging%'") == [(0,)]


def test_a_database_that_fails_during_a_transaction_keeps_its_rows(pipeline, postgres, monkeypatch):
    path = generate(Span(1_500, 24, datetime(2019, 10, 1)), pipeline.raw, seed=5)[0]
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    before = postgres("SELECT * FROM user_events ORDER BY event_id")
    header, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *lines[:-100]]))
    pipeline.land()
    pipeline.validate()

    def fail(self, *args):
        raise psycopg2.errors.DiskFull("could not extend file: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresLoader, "_write_items", fail)
        assert "nothing is half loaded" in pipeline.expect_refusal(pipeline.load)
    assert postgres("SELECT * FROM user_events ORDER BY event_id") == before
    assert pipeline.load()["hours_loaded"] >= 1
    assert len(postgres("SELECT * FROM user_events")) == 1_400
    assert pipeline.read(tables.USER_EVENTS).count() == 1_400


def test_the_next_run_creates_a_table_whose_creation_was_interrupted(pipeline):
    log = pipeline.folder / "warehouse" / tables.RAW_EVENTS.name / "_delta_log"
    log.mkdir(parents=True)
    (log / ".00000000000000000000.json.tmp").touch()
    pipeline.copy_cases("c23-ties.csv")
    assert pipeline.land()["files_landed"] == 1
