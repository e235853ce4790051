"""PostgreSQL: the only module that talks to it. COPY into staging, one transaction for each day, its ledger."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extras import execute_values
from pyarrow import csv
from pyspark.sql import DataFrame

from spark_jobs import failpoints
from spark_jobs.errors import IdentityError
from spark_jobs.lease import Lease
from spark_jobs.postgres import schema
from spark_jobs.postgres.connection import connect, require_utf8
from spark_jobs.postgres.errors import named
from spark_jobs.postgres.fence import Fence
from spark_jobs.postgres.ownership import Owner
from spark_jobs.windows import HOUR, Window, name

WRITERS = 4  # days that are swapped in at once; the server's cores share them


@dataclass(frozen=True)
class StagedDay:
    """What a transaction is to do: the windows whose rows go, rows and the ledger's digest of each hour that comes,
    the items that may lose events; and what PostgreSQL must find of each hour in its own rows then."""

    day: datetime
    windows: Sequence[Window]
    hours: Mapping[datetime, tuple[int, str]]
    gone: Sequence[int]
    due: Mapping[datetime, tuple[int, int]]


class Warehouse:
    """One connection to the database, with the schema in place. Use as a context manager.

    `owner` is the warehouse of the Delta tables; another's database is refused (DatabaseError) before anything is
    written. `removed`: the warehouse that had released the database, if its rows were removed now.
    With a lease, what an earlier attempt at the same warehouse still does here is ended, and none of its later
    transactions commits: each asks whether its lease is the latest. Raises SupersededError where this one is not.
    """

    def __init__(self, url: str, lease: Lease | None = None, owner: Owner | None = None):
        self.url, self.fence = url, Fence(lease, owner)
        with named():
            self.connection = self._connect()
            require_utf8(self.connection)
            with self.connection, self.connection.cursor() as cursor:
                self.fence.end_earlier(cursor)
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.schema'))")
                cursor.execute(schema.SCHEMA)
                self.removed = self.fence.claim(cursor)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.close()

    def _connect(self) -> Any:
        return connect(self.url, self.fence.name)

    @contextmanager
    def _transaction(self, connection: Any) -> Iterator[Any]:
        """A cursor in a transaction that commits only under the latest lease."""
        with named(), connection, connection.cursor() as cursor:
            self.fence.check(cursor)
            yield cursor

    def loaded(self, hours: Sequence[datetime]) -> dict[datetime, tuple[int, str]]:
        """Rows and digest of those of the hours that are loaded."""
        with named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT hour, rows, digest FROM pipeline.loaded_hours WHERE hour = ANY(%s)", (list(hours),))
            return {hour: (rows, digest) for hour, rows, digest in cursor.fetchall()}

    def stage(self, days: Iterable[datetime]) -> None:
        """Makes the staging tables of these days; what a killed attempt left goes."""
        self.unstage()
        with self._transaction(self.connection) as cursor:
            for day in days:
                for table, columns in schema.STAGED.items():
                    cursor.execute(f"CREATE UNLOGGED TABLE {self.fence.staged(table, day)} ({columns})")

    def unstage(self) -> None:
        """Drops all staging tables."""
        with self._transaction(self.connection) as cursor:
            cursor.execute(schema.LEFT_OVER)
            if names := [row[0] for row in cursor.fetchall()]:
                cursor.execute(f"DROP TABLE {', '.join(names)}")

    def index(self) -> None:
        """Makes the indexes where they are missing: after the rows of the first load."""
        with self._transaction(self.connection) as cursor:
            cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            cursor.execute(schema.INDEXES)

    def items_of(self, windows: Sequence[Window]) -> list[tuple[date, int]]:
        """Days and items with events in these windows now: they are touched when the windows are replaced."""
        with named(), self.connection, self.connection.cursor() as cursor:
            where, values = _within(windows)
            cursor.execute(f"SELECT DISTINCT timestamp::date, item_id FROM user_events WHERE {where}", values)
            return cursor.fetchall()

    def copy(self, frame: DataFrame, table: str, columns: Sequence[str]) -> int:
        """COPYs a DataFrame into the staging tables of its days (`event_date`), each partition by its executor.

        Returns the number of rows. One pass, no shuffle.
        """
        url, names, fence = self.url, ", ".join(columns), self.fence

        def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows = 0
            with named(), closing(connect(url, fence.name)) as connection, connection, connection.cursor() as cursor:
                for batch in batches:
                    for day in pc.unique(batch["event_date"]).to_pylist():
                        of_day = batch.filter(pc.equal(batch["event_date"], day)).select(columns)
                        buffer = io.BytesIO()
                        csv.write_csv(of_day, buffer, csv.WriteOptions(include_header=False))
                        buffer.seek(0)
                        cursor.copy_expert(f"COPY {fence.staged(table, day)} ({names}) FROM STDIN (FORMAT csv)", buffer)
                        rows += of_day.num_rows
                        failpoints.reached("load.copy")
            yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})

        text = [frame[name].cast("string").alias(name) for name in columns]
        with named():
            return sum(row.rows for row in frame.select("event_date", *text).mapInArrow(send, "rows BIGINT").collect())

    def replace(self, days: Sequence[StagedDay]) -> None:
        """One transaction for each day: the staged events take the place of the windows' rows, touched items are
        recomputed, the ledger says so. A few days at once.

        Raises IdentityError, before the commit, where the rows are not those of user_events; other days stand.
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
        with named(), closing(self._connect()) as connection, self._transaction(connection) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.load'), %s)", (day.toordinal(),))
            cursor.execute("SET LOCAL work_mem = '64MB'")  # a day's rows are sorted in memory
            where, values = _within(staged.windows)
            self._events(cursor, day, where, values)
            cursor.execute(schema.HOURS.format(where=where), values)
            same({hour: tuple(found) for hour, *found in cursor}, staged.due)
            self._items(cursor, day, list(staged.hours), staged.gone)
            execute_values(
                cursor,
                "INSERT INTO pipeline.loaded_hours (hour, rows, digest) VALUES %s ON CONFLICT (hour) DO UPDATE "
                "SET rows = excluded.rows, digest = excluded.digest, loaded_at = excluded.loaded_at",
                [(hour, rows, digest) for hour, (rows, digest) in staged.hours.items()],
            )
            failpoints.reached("load.uncommitted")

    def _events(self, cursor: Any, day: datetime, where: str, values: Sequence[datetime]) -> None:
        """Writes what differs between the windows' rows and the staged ones."""
        names, staged = ", ".join(schema.EVENTS), self.fence.staged("staging_events", day)
        cursor.execute(f"SELECT EXISTS (SELECT FROM user_events WHERE {where})", values)
        if stands := cursor.fetchone()[0]:
            cursor.execute(schema.DIFFERENCE.format(names=names, staged=staged, where=where), (*values, *values))
            cursor.execute(schema.TAKE_OUT.format(names=names))
        new = "more" if stands else staged
        cursor.execute(f"INSERT INTO user_events ({names}) SELECT {names} FROM {new} ORDER BY timestamp")

    def _items(self, cursor: Any, day: datetime, hours: Sequence[datetime], gone: Sequence[int]) -> None:
        """Writes what the day now says of items, and tells those anew of which it says something else."""
        staged = self.fence.staged("staging_items", day)
        cursor.execute(schema.TOUCHED.format(staged=staged), (day, list(hours), list(gone)))
        cursor.execute(
            "DELETE FROM pipeline.item_days WHERE day = %s AND item_id IN (SELECT item_id FROM touched)", (day,)
        )
        cursor.execute(
            "INSERT INTO pipeline.item_days (item_id, day, category, brand, price) "
            f"SELECT item_id, %s, category, brand, price FROM {staged} JOIN touched USING (item_id)",
            (day,),
        )
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.items'))")  # an item has many days
        cursor.execute(schema.RECOMPUTE_ITEMS)
        if gone:
            cursor.execute(schema.ORPHANS)

    def transaction(self) -> AbstractContextManager[Any]:
        """A cursor in a transaction that commits only under the latest lease."""
        return self._transaction(self.connection)

    def hours(self) -> tuple[dict[datetime, str], dict[datetime, tuple[int, int]]]:
        """The digest of each hour by the load's own ledger; rows and digest of each hour from the rows themselves.

        Both from one snapshot of the database, whatever a load commits meanwhile.
        """
        with named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT hour, digest FROM pipeline.loaded_hours")
            digests = dict(cursor.fetchall())
            cursor.execute(schema.HOURS.format(where="true"))
            return digests, {hour: tuple(found) for hour, *found in cursor}

    def of_user(self, user: int) -> int:
        """Rows of user_events that are this user's."""
        with named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM user_events WHERE user_id = %s", (user,))
            return cursor.fetchone()[0]

    def vacuum(self) -> None:
        """Gives back the room of rows that are gone, and tells the planner what there is now."""
        with named(), closing(self._connect()) as connection, connection.cursor() as cursor:
            connection.autocommit = True  # VACUUM runs in no transaction
            cursor.execute("VACUUM (ANALYZE) user_events, items")

    def counts(self) -> tuple[int, int]:
        """Rows of user_events and of items."""
        with named(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM user_events), (SELECT count(*) FROM items)")
            return cursor.fetchone()


def same(found: Mapping[datetime, tuple[int, int]], due: Mapping[datetime, tuple[int, int]]) -> None:
    """Raises IdentityError naming the first hours in which PostgreSQL's rows are not those of user_events."""
    nothing = (0, 0)
    wrong = sorted(hour for hour in {*found, *due} if found.get(hour, nothing) != due.get(hour, nothing))
    if not wrong:
        return
    told = [
        "{}: PostgreSQL has {:,} rows (digest {}), user_events {:,} (digest {})".format(
            name(hour, HOUR), *found.get(hour, nothing), *due.get(hour, nothing)
        )
        for hour in wrong[:3]
    ]
    more = f" and {len(wrong) - 3} more hours" if len(wrong) > 3 else ""
    raise IdentityError(f"Delta and PostgreSQL differ: {'; '.join(told)}{more}.")


def _within(windows: Sequence[Window]) -> tuple[str, list[datetime]]:
    where = " OR ".join("(timestamp >= %s AND timestamp < %s)" for _ in windows)
    return where or "false", [moment for window in windows for moment in (window.start, window.end)]
