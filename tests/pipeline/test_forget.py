"""Forgetting a user: every table, the database and all history lose the user's rows; other rows do not change."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.commands import forget
from spark_jobs.flow import Writer
from spark_jobs.jobs import feature_engineering
from spark_jobs.matrix import read_matrix
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.events import HEAD, event_line
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import assert_tables_equal_oracle

START = datetime(2019, 10, 1)
BOTH = Window(START, START + 2 * DAY, DAY)
HOURS = Window(BOTH.start, BOTH.end, HOUR)
USER = 900_000_001
OTHERS = "".join(event_line(time=f"05:00:{i:02}", price="1.00", user_id=300 + i) for i in range(9))
USER_LINES = "".join(event_line(time=f"05:30:{i:02}", price="2.00", user_id=USER) for i in range(9))
REJECTED = event_line(time="05:31:00", price="-1", user_id=USER) + event_line(time="05:32:00", price="-1", user_id=300)
MALFORMED = f"2019-10-01 05:40:00 UTC,view,77,{USER}\n"
USER_HOUR = event_line(time="23:00:00", price="3.00", user_id=USER)


def run_pipeline(pipeline) -> None:
    pipeline.land()
    pipeline.validate(HOURS)
    pipeline.load(HOURS)
    pipeline.run_daily(BOTH)


def forget_user(pipeline, user: int = USER) -> list[str]:
    with hold_leases(pipeline.settings, pipeline.spark, Writer) as ctx:
        ctx.say = pipeline.messages.append
        return list(forget.forget(ctx, user))


@pytest.fixture
def pipeline_and_paths(pipeline, postgres):
    paths = [generate(Span(200, 24, START + i * DAY), pipeline.raw, seed=5, ratings=True)[0] for i in range(2)]
    mixed = pipeline.put("mixed.csv", HEAD + OTHERS + USER_LINES + REJECTED + MALFORMED + USER_HOUR)
    run_pipeline(pipeline)
    return pipeline, [*paths, mixed]


@pytest.mark.long
def test_a_forgotten_user_is_in_no_file_and_the_tables_are_as_without_the_user(pipeline_and_paths, postgres):
    pipeline, paths = pipeline_and_paths
    number = pipeline.read(tables.USER_INDEX).where(f"user_id = {USER}").first().user_index
    count = pipeline.read(tables.USER_INDEX).count()
    lines = forget_user(pipeline)
    assert lines[0].startswith(f"removed rows of user {USER}: raw_events 12, user_events 10, rejected_events 2,")
    assert lines[1].startswith("checked: user")
    assert "mixed.csv" in lines[-1]
    found = [
        path
        for path in (pipeline.folder / "warehouse").rglob("*")
        if path.suffix in (".json", ".crc") and str(USER).encode() in path.read_bytes()
    ]
    assert found == []  # Delta's log does not contain the user either
    paths[-1].write_text(HEAD + OTHERS + REJECTED.splitlines(keepends=True)[1])
    assert_tables_equal_oracle(pipeline, postgres, compute(paths))
    versions = pipeline.ctx().storage.version(tables.USER_EVENTS)
    run_pipeline(pipeline)  # the file without the user's lines gives the same rows
    assert pipeline.ctx().storage.version(tables.USER_EVENTS) == versions
    assert_tables_equal_oracle(pipeline, postgres, compute(paths))
    # The user's index stays unused: a new user gets the next one, and a row of the matrix.
    pipeline.put("new.csv", HEAD + event_line(time="06:00:00", price="1.00", user_id=USER + 1))
    run_pipeline(pipeline)
    numbers = dict(pipeline.values(tables.USER_INDEX, "user_id", "user_index"))
    assert numbers[USER + 1] == count
    assert number not in numbers.values()
    for table in (tables.USER_INDEX, tables.USER_ITEM_MATRIX, tables.ITEM_SUMS, tables.USER_FEATURES):
        assert pipeline.ctx().ledger.version(table) == pipeline.ctx().storage.version(table)
    (pipeline.folder / "processed").mkdir()
    assert read_matrix(pipeline.ctx()).csr().nnz == pipeline.read(tables.USER_ITEM_MATRIX).count()


@pytest.mark.long
def test_an_interrupted_forget_is_completed_by_the_next_one(pipeline_and_paths, postgres, monkeypatch):
    pipeline, paths = pipeline_and_paths
    for owner, name in (
        (forget.landing, "digest_by_hour"),
        (forget, "_validate_dirty_hours"),
        (feature_engineering, "run"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                forget_user(pipeline)
    assert forget_user(pipeline)[1].startswith("checked: user")
    paths[-1].write_text(HEAD + OTHERS + REJECTED.splitlines(keepends=True)[1])
    assert_tables_equal_oracle(pipeline, postgres, compute(paths))
    assert forget_user(pipeline)[0].endswith("none, because there were none")


@pytest.mark.long
def test_forgetting_the_only_user_leaves_empty_tables(pipeline, postgres):
    pipeline.put("a.csv", HEAD + USER_LINES)
    run_pipeline(pipeline)
    assert forget_user(pipeline)[1].startswith("checked: user")
    assert {pipeline.read(table).count() for table in forget.TABLES_WITH_USERS} == {0}
    ctx = pipeline.ctx()
    assert {ctx.read(table).count() for table in forget.TABLES_WITH_USERS if table is not tables.USER_INDEX} == {0}
    emptied = [table for emptied in forget.EMPTIED.values() for table in emptied]
    assert {ctx.ledger.version(table) - ctx.storage.version(table) for table in emptied} == {0}
    assert postgres("SELECT count(*) FROM items") == [(0,)]
    pipeline.put("new.csv", HEAD + event_line(time="06:00:00", price="1.00", user_id=USER + 1))
    run_pipeline(pipeline)
    # Index 0 is never assigned again.
    assert pipeline.values(tables.USER_INDEX, "user_id", "user_index") == [(USER + 1, 1)]
    assert read_matrix(pipeline.ctx()).shape()[0] == 2


def test_no_table_keeps_statistics_of_user_columns_in_its_log():
    for table in forget.TABLES_WITH_USERS:
        assert table.statistics, table.name
        assert not {"user_id", "raw_text"} & set(table.statistics), table.name


def _interrupt(*_):
    raise KeyboardInterrupt
