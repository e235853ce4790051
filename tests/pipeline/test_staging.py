"""Staged rows: those of attempts that never reported are ignored, and items and events are compared before a commit."""

import hashlib
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from spark_jobs.coordination.lease import Lease
from spark_jobs.errors import IdentityError
from spark_jobs.postgres import schema, staging
from spark_jobs.postgres.connection import connect
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.loader import PostgresLoader, StagedDay
from spark_jobs.postgres.staging import StagedRows
from spark_jobs.windows import HOUR, Window
from tests.conftest import Pipeline
from tests.events import HEAD, event_line

DAY = datetime(2019, 10, 1)
NINE = DAY + timedelta(hours=9)
EVENT = (501, 1, "view", NINE, "s", None, "1.00")
ITEM = (1, "a.b|c", "café 삼성", None)
ITEMS = "SELECT item_id, name, category, brand, price FROM items ORDER BY 1"
CORRUPTING_TRIGGER = """
CREATE OR REPLACE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.{column} := {value}; RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION spoil()
"""
LATIN1 = "convert_from(convert_to(NEW.brand, 'UTF8'), 'LATIN1')"


def hash_values(*values: str) -> int:
    return int(hashlib.md5("|".join(values).encode()).hexdigest()[:8], 16)


def insert_row(cursor, table: str, attempt: int, values: tuple) -> None:
    cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * (len(values) + 1))})", (attempt, *values))


def make_staged_day(events: StagedRows, items: StagedRows) -> StagedDay:
    micros = str(int(NINE.replace(tzinfo=UTC).timestamp()) * 1_000_000)
    digest = hash_values("501", "1", "view", micros, "", "1.00", "s")
    return StagedDay(DAY, [Window(NINE, NINE + HOUR, HOUR)], {NINE: (1, "x")}, [], {NINE: (1, digest)}, events, items)


def test_rows_of_task_attempts_that_never_reported_are_not_used(database, postgres):
    url, lease = choose_address(database, "local"), Lease("collection", 1, "with-attempts")
    postgres("DELETE FROM pipeline.leases WHERE warehouse = 'with-attempts'")
    with PostgresLoader(url, lease) as loader, ExitStack() as stack:
        loader.stage([DAY])
        late = stack.enter_context(closing(connect(url, f"{loader.fence.name} 9")))
        tables = [loader.fence.name_staging_table(name, DAY) for name in ("staging_events", "staging_items")]
        with loader.transaction() as cursor:
            for attempt in (7, 8):
                insert_row(cursor, tables[0], attempt, EVENT)
                insert_row(cursor, tables[1], attempt, ITEM)
        unfinished = late.cursor()
        insert_row(unfinished, tables[0], 9, (502, *EVENT[1:]))  # this task leaves its transaction open
        report = StagedRows((8,), 1, hash_values("1", "=a.b|c", "=café 삼성", ""))
        loader.replace([make_staged_day(report, report)])
        loader.unstage()
        with pytest.raises(psycopg2.Error):
            late.commit()
    assert postgres("SELECT user_id, item_id FROM user_events") == [(501, 1)]
    assert postgres(ITEMS) == [(1, "café 삼성 b|c", "a.b|c", "café 삼성", None)]
    assert postgres("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'staging%'") == [(0,)]


@pytest.mark.parametrize("attempts", [(), (7, 8)], ids=["none reported", "both reported"])
def test_a_missing_or_surplus_attempt_report_is_an_identity_error(database, postgres, attempts):
    with PostgresLoader(choose_address(database, "local")) as loader:
        loader.stage([DAY])
        with loader.transaction() as cursor:
            for attempt in (7, 8):
                insert_row(cursor, loader.fence.name_staging_table("staging_events", DAY), attempt, EVENT)
        with pytest.raises(IdentityError, match="2019-10-01T09: PostgreSQL has"):
            loader.replace([make_staged_day(StagedRows(attempts), StagedRows())])
        loader.unstage()
    assert postgres("SELECT count(*) FROM user_events") == [(0,)]


def land_and_validate(pipeline: Pipeline, brand: str = "café 삼성") -> Pipeline:
    given = (("electronics.audio", brand, "1.50"), ("", "", "0.00"), ("a.", "", ""), ("", "plain", "2.00"))
    rows = (
        event_line(time=f"09:0{item}:00", item_id=item, category_code=code, brand=of_item, price=price)
        for item, (code, of_item, price) in enumerate(given, 1)
    )
    pipeline.put("a.csv", HEAD + "".join(rows))
    pipeline.land()
    pipeline.validate()
    return pipeline


def test_a_load_task_that_runs_twice_loads_its_rows_once(pipeline, postgres, monkeypatch):
    copy_original = PostgresLoader.copy

    def copy_twice(self, *args):
        copy_original(self, *args)  # the executor is lost after this commit, so no report arrives
        return copy_original(self, *args)

    monkeypatch.setattr(PostgresLoader, "copy", copy_twice)
    assert land_and_validate(pipeline).load()["rows_loaded"] == 4
    assert postgres("SELECT item_id FROM user_events ORDER BY 1") == [(1,), (2,), (3,), (4,)]
    assert [line[:4] for line in postgres(ITEMS)] == [
        (1, "café 삼성 audio", "electronics.audio", "café 삼성"),
        (2, "item 2", None, None),
        (3, "item 3", "a.", None),
        (4, "plain", None, "plain"),
    ]


CORRUPTIONS = (
    ("pipeline.item_days", "brand", LATIN1, "PostgreSQL has 4 items (digest"),
    ("pipeline.item_days", "price", "coalesce(NEW.price, 0)", "PostgreSQL has 4 items (digest"),
    ("items", "brand", LATIN1, "4 items were loaded, but only 3 of them"),
    ("items", "category", "NEW.category || 'x'", "4 items were loaded, but only 2 of them"),
    ("items", "price", "NEW.price + 1", "4 items were loaded, but only 2 of them"),
    ("items", "name", "NEW.name || ' '", "4 items were loaded, but only 0 of them"),
)


def test_items_that_postgresql_stores_differently_from_the_staged_ones_stop_the_commit(pipeline, postgres):
    land_and_validate(pipeline)
    for table, column, value, figures in CORRUPTIONS:
        postgres(CORRUPTING_TRIGGER.format(table=table, column=column, value=value))
        try:
            message = pipeline.expect_refusal(pipeline.load)
        finally:
            postgres(f"DROP TRIGGER spoil ON {table}")
        assert message.startswith("Delta and PostgreSQL differ: 2019-10-01: ") and figures in message
        assert postgres("SELECT (SELECT count(*) FROM user_events), (SELECT count(*) FROM items)") == [(0, 0)]
    assert pipeline.load()["rows_loaded"] == 4


ITEMS_OF_A_DAY = 5_000
ITEM_DAYS_OF_EARLIER_DAYS = f"""
INSERT INTO pipeline.item_days (item_id, day, brand)
SELECT item_id, day, 'acme' FROM generate_series(1, {ITEMS_OF_A_DAY}) item_id, generate_series(1, 60) number,
    LATERAL (SELECT date '2019-10-01' - number AS day) AS dated
"""


def count_rows_of_plan(node: dict) -> int:
    """Count the rows that every node of a plan returned or compared."""
    rows = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"))
    return round(rows * node["Actual Loops"]) + sum(map(count_rows_of_plan, node.get("Plans", [])))


def test_the_items_of_a_day_are_not_compared_with_each_other_where_statistics_know_only_earlier_days(
    database, postgres
):
    postgres(ITEM_DAYS_OF_EARLIER_DAYS)
    postgres("ANALYZE pipeline.item_days")
    counted = {}
    with PostgresLoader(choose_address(database, "local"), Lease("collection", 1, "plans")) as loader:
        loader.stage([DAY])
        with loader.transaction() as cursor:
            table = loader.fence.name_staging_table("staging_items", DAY)
            cursor.execute(
                f"INSERT INTO {table} SELECT 1, item_id, 'a', 'b', 1 FROM generate_series(1, {ITEMS_OF_A_DAY}) item_id"
            )
            cursor.execute(f"ANALYZE {table}")
            staging.create_views(cursor, loader.fence, DAY, StagedRows(), StagedRows((1,), ITEMS_OF_A_DAY, 0))
            for name, values in (
                ("TOUCHED", (DAY, [NINE], [1, ITEMS_OF_A_DAY + 1])),
                ("WRITE_ITEM_DAYS", (DAY,)),
                ("REMOVE_ITEM_DAYS", (DAY,)),
                ("RECOMPUTE_ITEMS", ()),
                ("ITEMS_OF_DAY", (DAY,)),
                ("ITEMS_SERVED", (DAY,)),
            ):
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {getattr(schema, name)}", values)
                counted[name] = count_rows_of_plan(cursor.fetchone()[0][0]["Plan"])
            staging.drop_views(cursor)
        loader.unstage()
    assert all(ITEMS_OF_A_DAY <= rows <= 30 * ITEMS_OF_A_DAY for rows in counted.values()), counted
