"""The loader of the event database: one transaction per day, from the staging tables to its tables and its ledger."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extras import execute_values
from pyspark.sql import Column, DataFrame

from spark_jobs.coordination import failpoints
from spark_jobs.coordination.lease import Lease
from spark_jobs.postgres import schema, staging
from spark_jobs.postgres.comparison import assert_equal, compare_items
from spark_jobs.postgres.connection import connect, require_utf8
from spark_jobs.postgres.errors import translate_errors
from spark_jobs.postgres.fence import Fence
from spark_jobs.postgres.ownership import Owner
from spark_jobs.postgres.staging import StagedRows
from spark_jobs.windows import Window

PARALLEL_DAYS = 4  # days that are replaced at the same time; they share the server's cores


@dataclass(frozen=True)
class StagedDay:
    """One day's transaction: what to replace, what to record and what to check.

    `windows`: their rows are replaced. `hours`: rows and the ledger's digest of each hour to load. `gone`: items that
    may lose events. `due`: the rows and the digest that each hour must have after the write. PostgreSQL computes
    both from its own rows, and a difference aborts the transaction. `events` and `items`: what was sent to the two
    staging tables.
    """

    day: datetime
    windows: Sequence[Window]
    hours: Mapping[datetime, tuple[int, str]]
    gone: Sequence[int]
    due: Mapping[datetime, tuple[int, int]]
    events: StagedRows
    items: StagedRows


class PostgresLoader:
    """One connection to the database, whose schema is created where it is missing. Use it as a context manager.

    `owner` is the warehouse of the Delta tables. The database of another warehouse is refused (DatabaseError) before
    anything is written. `removed` is the warehouse that had released the database, if its rows were removed now.
    With a lease, connections of earlier attempts at the same warehouse are ended, and none of their later transactions
    commits: each checks that its lease is the latest. Raises SupersededError where this lease is not the latest.
    """

    def __init__(self, url: str, lease: Lease | None = None, owner: Owner | None = None):
        self.url, self.fence = url, Fence(lease, owner)
        with translate_errors():
            self.connection = self._connect()
            require_utf8(self.connection)
            with self.connection, self.connection.cursor() as cursor:
                self.fence.end_earlier(cursor)
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.schema'))")
                cursor.execute(schema.SCHEMA)
                self.removed = self.fence.claim(cursor)

    def __enter__(self) -> "PostgresLoader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.close()

    def _connect(self) -> Any:
        return connect(self.url, self.fence.name)

    @contextmanager
    def _open_transaction(self, connection: Any) -> Iterator[Any]:
        """Open a transaction that commits only under the latest lease, and yield its cursor."""
        with translate_errors(), connection, connection.cursor() as cursor:
            self.fence.check(cursor)
            yield cursor

    def read_loaded_hours(self, hours: Sequence[datetime]) -> dict[datetime, tuple[int, str]]:
        """Return rows and digest of each of these hours that is loaded."""
        with translate_errors(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT hour, rows, digest FROM pipeline.loaded_hours WHERE hour = ANY(%s)", (list(hours),))
            return {hour: (rows, digest) for hour, rows, digest in cursor.fetchall()}

    def stage(self, days: Sequence[datetime]) -> None:
        """Create the staging tables of these days. Those that a killed attempt left are dropped before."""
        self.unstage()
        with self._open_transaction(self.connection) as cursor:
            staging.create(cursor, self.fence, days)

    def unstage(self) -> None:
        """Drop all staging tables."""
        with self._open_transaction(self.connection) as cursor:
            staging.drop(cursor, self.fence)

    def create_indexes(self) -> None:
        """Create the missing indexes. Call this after the rows of the first load are written."""
        with self._open_transaction(self.connection) as cursor:
            cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            cursor.execute(schema.INDEXES)

    def list_items_in(self, windows: Sequence[Window]) -> list[tuple[date, int]]:
        """Return each day and item with existing events in these windows: replacing the windows affects these items."""
        with translate_errors(), self.connection, self.connection.cursor() as cursor:
            where, values = _build_window_condition(windows)
            cursor.execute(f"SELECT DISTINCT timestamp::date, item_id FROM user_events WHERE {where}", values)
            found: list[tuple[date, int]] = cursor.fetchall()
            return found

    def copy(
        self, frame: DataFrame, table: str, columns: Sequence[str], digest: Column | None = None
    ) -> dict[date, StagedRows]:
        """COPY a DataFrame into the staging tables of its days; see `staging.copy`."""
        return staging.copy(frame, self.url, self.fence, table, columns, digest)

    def replace(self, days: Sequence[StagedDay]) -> None:
        """Replace the rows of the days' windows with the staged events, recompute affected items, update the ledger.

        One transaction per day; PARALLEL_DAYS run at the same time. Raises IdentityError before the commit where the
        rows differ from those of user_events; days that are already committed stay.
        """
        with ThreadPoolExecutor(PARALLEL_DAYS) as pool:
            try:
                for done in [pool.submit(self._replace_day, day) for day in days]:
                    done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _replace_day(self, staged: StagedDay) -> None:
        day = staged.day
        with translate_errors(), closing(self._connect()) as connection, self._open_transaction(connection) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.load'), %s)", (day.toordinal(),))
            cursor.execute("SET LOCAL work_mem = '64MB'")  # a day's rows are sorted in memory
            where, values = _build_window_condition(staged.windows)
            staging.create_views(cursor, self.fence, day, staged.events, staged.items)
            self._write_events(cursor, where, values)
            cursor.execute(schema.HOURS.format(where=where), values)
            assert_equal({hour: tuple(found) for hour, *found in cursor}, staged.due)
            self._write_items(cursor, staged)
            staging.drop_views(cursor)
            execute_values(
                cursor,
                "INSERT INTO pipeline.loaded_hours (hour, rows, digest) VALUES %s ON CONFLICT (hour) DO UPDATE "
                "SET rows = excluded.rows, digest = excluded.digest, loaded_at = excluded.loaded_at",
                [(hour, rows, digest) for hour, (rows, digest) in staged.hours.items()],
            )
            failpoints.reach("load.uncommitted")

    def _write_events(self, cursor: Any, where: str, values: Sequence[datetime]) -> None:
        """Write only the differences between the existing rows of the windows and the staged rows."""
        names = ", ".join(schema.EVENTS)
        cursor.execute(f"SELECT EXISTS (SELECT FROM user_events WHERE {where})", values)
        if existing := cursor.fetchone()[0]:
            cursor.execute(schema.DIFFERENCE.format(names=names, where=where), (*values, *values))
            cursor.execute(schema.TAKE_OUT.format(names=names))
        new = "more" if existing else "staged_events"
        cursor.execute(f"INSERT INTO user_events ({names}) SELECT {names} FROM {new} ORDER BY timestamp")

    def _write_items(self, cursor: Any, staged: StagedDay) -> None:
        """Write the day's changed values of its items, and recompute these items.

        Raises IdentityError where PostgreSQL's items differ from those that were staged.
        """
        day = staged.day
        cursor.execute(schema.TOUCHED, (day, list(staged.hours), list(staged.gone)))
        cursor.execute(schema.WRITE_ITEM_DAYS, (day,))
        if staged.gone:
            cursor.execute(schema.REMOVE_ITEM_DAYS, (day,))
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.items'))")  # other days may have the same item
        cursor.execute(schema.RECOMPUTE_ITEMS)
        if staged.gone:
            cursor.execute(schema.ORPHANS)
        compare_items(cursor, day, staged.items)

    def transaction(self) -> AbstractContextManager[Any]:
        """Open a transaction that commits only under the latest lease; the context is its cursor."""
        return self._open_transaction(self.connection)

    def read_hours(self) -> tuple[dict[datetime, str], dict[datetime, tuple[int, int]]]:
        """Return each hour's digest from the load's own ledger, and each hour's rows and digest from its actual rows.

        Both come from one snapshot of the database, even while a load commits.
        """
        with translate_errors(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT hour, digest FROM pipeline.loaded_hours")
            digests = dict(cursor.fetchall())
            cursor.execute(schema.HOURS.format(where="true"))
            return digests, {hour: tuple(found) for hour, *found in cursor}

    def count_rows_of_user(self, user: int) -> int:
        """Return the number of this user's rows in user_events."""
        with translate_errors(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM user_events WHERE user_id = %s", (user,))
            return int(cursor.fetchone()[0])

    def vacuum(self) -> None:
        """Free the space of deleted rows, and update the planner's statistics."""
        with translate_errors(), closing(self._connect()) as connection, connection.cursor() as cursor:
            connection.autocommit = True  # VACUUM cannot run in a transaction
            cursor.execute("VACUUM (ANALYZE) user_events, items")

    def count_rows(self) -> tuple[int, int]:
        """Return the numbers of rows in user_events and in items."""
        with translate_errors(), self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM user_events), (SELECT count(*) FROM items)")
            events, items = cursor.fetchone()
            return events, items


def _build_window_condition(windows: Sequence[Window]) -> tuple[str, list[datetime]]:
    where = " OR ".join("(timestamp >= %s AND timestamp < %s)" for _ in windows)
    return where or "false", [moment for window in windows for moment in (window.start, window.end)]
