"""What is left when a run dies between its writes, and what the next one makes of it."""

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
from tests.pipeline.test_tables import check

DAY_1 = Window(datetime(2019, 10, 1), datetime(2019, 10, 2), DAY)


class Killed(BaseException):
    """Stands for the end of the process: nothing below catches it."""


def dying_after(monkeypatch, number: int, before: bool) -> list[str]:
    """The process ends with the `number`-th write, just before it is made or just after; returns what was written."""
    made: list[str] = []

    def wrapped(owner, name):
        original = getattr(owner, name)

        def write(self, *args, **kwargs):
            if before and len(made) + 1 == number:
                raise Killed
            result = original(self, *args, **kwargs)
            made.append(name)
            if len(made) == number:
                raise Killed
            return result

        monkeypatch.setattr(owner, name, write)

    for owner, name in (
        (TableWriter, "_replace"),
        (TableWriter, "append"),
        (PostgresLoader, "copy"),
        (PostgresLoader, "_replace"),
    ):
        wrapped(owner, name)
    return made


def survive(monkeypatch, step, before: bool) -> int:
    """Runs `step` again and again, each time dying one write later, until it lives; returns how often it died."""
    number = 1
    while True:
        with monkeypatch.context() as patch:
            dying_after(patch, number, before)
            try:
                step()
            except Killed:
                number += 1
                continue
        return number - 1


@pytest.mark.long
@pytest.mark.parametrize("before", [False, True], ids=["after a write", "before a write"])
def test_a_run_that_dies_at_any_write_is_made_good_by_the_next(pipeline, postgres, monkeypatch, before):
    path = generate(Span(1_500, 24, datetime(2019, 10, 1)), pipeline.raw, seed=5, ratings=True)[0]
    with path.open("a") as file:
        file.write("a line that is none\n2019-10-01 12:00:00 UTC,VIEW,1,2,,,1.00,3,s,\n")
    hours = Window(DAY_1.start, DAY_1.end, HOUR)
    steps = (pipeline.land, lambda: pipeline.judge(hours), lambda: pipeline.load(hours), lambda: pipeline.daily(DAY_1))
    deaths = [survive(monkeypatch, step, before) for step in steps]
    assert all(count >= 2 for count in deaths), deaths
    check(pipeline, postgres, compute([path]))
    assert pipeline.judge(hours)["rejected_events"] == 2
    assert all(row["built"] and not row["dirty"] for row in Ledger(pipeline.ctx().storage).days())
    assert postgres("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staging%'") == [(0,)]


def test_a_database_that_fails_within_a_transaction_keeps_what_it_had(pipeline, postgres, monkeypatch):
    path = generate(Span(1_500, 24, datetime(2019, 10, 1)), pipeline.raw, seed=5)[0]
    pipeline.land()
    pipeline.judge()
    pipeline.load()
    before = postgres("SELECT * FROM user_events ORDER BY event_id")
    header, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *lines[:-100]]))
    pipeline.land()
    pipeline.judge()

    def fails(self, *args):
        raise psycopg2.errors.DiskFull("could not extend file: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresLoader, "_items", fails)
        assert "nothing is half loaded" in pipeline.refused(pipeline.load)
    assert postgres("SELECT * FROM user_events ORDER BY event_id") == before
    assert pipeline.load()["hours_loaded"] >= 1
    assert len(postgres("SELECT * FROM user_events")) == 1_400
    assert pipeline.read(tables.USER_EVENTS).count() == 1_400


def test_a_table_whose_creation_was_cut_short_is_created_by_the_next_run(pipeline):
    log = pipeline.folder / "warehouse" / tables.RAW_EVENTS.name / "_delta_log"
    log.mkdir(parents=True)
    (log / ".00000000000000000000.json.tmp").touch()
    pipeline.case("c23-ties.csv")
    assert pipeline.land()["files_landed"] == 1
