"""The ledger: reads and writes landed_files, hour_status, day_builds and day_status.

The tables are small. Their rows are cached in memory until the version of the table changes. A write replaces the month
(or the step) that it touches. `Ledger.version` decides which version of a table a reader uses while others write.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from spark_jobs import tables
from spark_jobs.delta.log import CONFLICTS, NOTHING
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, PipelineError
from spark_jobs.ledger import status, table_versions
from spark_jobs.ledger.ledger_storage import LedgerStorage
from spark_jobs.ledger.status import HourState
from spark_jobs.ledger_rows import BuildRow, DayRow, FileRow, HourRow, Row, RowT
from spark_jobs.session import now
from spark_jobs.tables import HourStatus, LedgerTable, Table
from spark_jobs.windows import Window

ATTEMPTS = 5
PINNED: tuple[LedgerTable[Any], ...] = (tables.LANDED_FILES, tables.HOUR_STATUS, tables.DAY_BUILDS, tables.DAY_STATUS)


class Ledger:
    """The records of what landed, what was validated, what was loaded and what was built."""

    def __init__(self, storage: LedgerStorage, writer: TableWriter | None = None):
        self.storage, self._writer = storage, writer
        self._cached: dict[str, tuple[int, list[Any]]] = {}  # by table name: the version, and its rows
        self._versions: dict[str, int] | None = None  # of a pinned ledger

    def with_writer(self, writer: TableWriter) -> "Ledger":
        """Return the same ledger with the right to write it."""
        other = Ledger(self.storage, writer)
        other._cached, other._versions = self._cached, self._versions
        return other

    def pin(self) -> "Ledger":
        """Return the ledger as it is now, for a reader next to writers.

        Its rows and the table versions that they name no longer change.
        """
        if self._versions is not None:
            return self
        pinned = Ledger(self.storage)
        pinned._cached = {table.name: (NOTHING, self._read_rows(table)) for table in PINNED}
        pinned._versions = {}
        return pinned

    def version(self, table: Table) -> int:
        """Return the version of a table to read: the one that the ledger's latest rows name.

        It is the latest version where the rows name none (an older warehouse, a table of the ledger) or where the named
        version can no longer be read. NOTHING: nothing is recorded yet.
        """
        if self._versions is None:
            return self._find_version(table)
        if table.name not in self._versions:
            self._versions.setdefault(table.name, self._find_version(table))  # the first of several threads decides
        return self._versions[table.name]

    def _find_version(self, table: Table) -> int:
        named = self.named_version(table)
        if named is None or (named != NOTHING and not self.storage.is_readable(table, named)):
            return self.storage.version(table)
        return named

    def named_version(self, table: Table) -> int | None:
        """Return the version that the ledger's latest rows name.

        NOTHING: nothing is recorded yet. None: the ledger keeps no version of the table, or kept none when the rows
        were written.
        """
        job = table_versions.NAMING_JOBS.get(table.name)
        if job is None:
            return None
        if job.versions_in is tables.LANDED_FILES:
            return max((row["raw_version"] for row in self.files()), default=NOTHING)
        rows = self.hours() if job.versions_in is tables.HOUR_STATUS else self.builds(job.name).values()
        return table_versions.find_named_version(table, [row["writes"] for row in rows])

    def writes(self, of: Sequence[Table], written: Sequence[Table]) -> dict[str, int] | None:
        """Return the `writes` of a new row: a version for each table in `of`, the tables of its step.

        Tables in `written`, which were written now, have their current version. The others have the version that the
        ledger named before. None: nothing was written, and an older warehouse named no versions.
        """
        before = {table.name: self.named_version(table) for table in of}
        if not written and None in before.values():
            return None
        now = {
            table.name: self.storage.version(table) for table in of if table in written or before[table.name] is None
        }
        return {name: version for name, version in (before | now).items() if version is not None and version != NOTHING}

    def files(self) -> list[FileRow]:
        """Return all rows of landed_files, ordered by file_id."""
        return sorted(self._read_rows(tables.LANDED_FILES), key=lambda row: row["file_id"])

    def record_files(self, rows: Iterable[FileRow], outdated: Collection[str] = ()) -> None:
        """Write the outcome of files. Rows of `outdated` paths are removed, because other rows have replaced them."""
        self._replace_rows(tables.LANDED_FILES, rows, {(path,) for path in outdated})

    def states(self, is_wanted: Callable[[HourState], bool] = lambda state: True) -> list[HourState]:
        """Return the wanted hours of those that landed or were validated, ordered by time."""
        found = status.states(self._read_rows(tables.LANDED_FILES), self._read_rows(tables.HOUR_STATUS))
        return [state for state in found if is_wanted(state)]

    def landed_span(self) -> tuple[datetime, datetime] | None:
        """Return the first hour with rows, and the latest that is not later than now; None where there is none."""
        states, present = self.states(), now()
        hours = [state.hour for state in states if state.hour and state.landed_rows]
        latest = status.latest_hour(states, present)
        return (hours[0], latest) if latest else None

    def first_hour(self) -> datetime | None:
        """Return the first hour with rows, even if it is later than now; None where there is none."""
        return next((state.hour for state in self.states() if state.hour and state.landed_rows), None)

    def missing_hours(self, hours: Window) -> list[Window]:
        """Return the hours of a window that have no rows and after which nothing has landed."""
        states = self.states()
        return status.missing_hours(states, hours, status.latest_hour(states, now()))

    def record_hours(self, rows: Iterable[HourRow]) -> None:
        """Write ledger rows of hours. A column that a row omits gets its neutral value."""
        nothing: HourRow = {"raw_rows": 0, "valid_rows": 0, "rejected_rows": 0, "reasons": {}, "warnings": []}
        nothing |= {"raw_digest": status.NO_CONTENT, "content_digest": status.NO_CONTENT, "updated_at": now()}
        nothing |= {"writes": {}}
        self._replace_rows(
            tables.HOUR_STATUS, (nothing | row | {"month": status.month_of(row["unit"])} for row in rows)
        )

    def hours(self) -> list[HourRow]:
        """Return all rows of hour_status."""
        return self._read_rows(tables.HOUR_STATUS)

    def mark_loaded(self, states: Iterable[str]) -> None:
        """Record that PostgreSQL has these committed hours too."""
        keys = set(states)
        rows = [row for row in self._read_rows(tables.HOUR_STATUS) if row["unit"] in keys]
        self._replace_rows(
            tables.HOUR_STATUS, (row | {"status": HourStatus.LOADED, "updated_at": now()} for row in rows)
        )

    def day_inputs(self) -> dict[datetime, str]:
        """Return each day (midnight, UTC) with committed content, and the digest of the input of its build."""
        return {_to_midnight(day): digest for day, digest in status.day_inputs(self.states()).items()}

    def builds(self, step: str) -> dict[datetime, BuildRow]:
        """Return the last result of `step` for each day (midnight, UTC)."""
        return {_to_midnight(row["day"]): row for row in self._read_rows(tables.DAY_BUILDS) if row["step"] == step}

    def last_build(self, step: str) -> BuildRow | None:
        """Return the latest result of `step` over all days; None where it never ran."""
        return max(self.builds(step).values(), key=lambda row: row["built_at"], default=None)

    def record_builds(self, step: str, rows: Iterable[BuildRow]) -> None:
        """Write the result of a step for each day (key `day`: a date)."""
        self._replace_rows(tables.DAY_BUILDS, ({"step": step, "built_at": now(), "counts": {}} | row for row in rows))

    def renew_writes(self, step: str, day: datetime, *written: Table) -> None:
        """Record in the row of a build the current versions of these tables, which were written again."""
        row = self.builds(step)[day]
        if row["writes"] is not None:  # otherwise the row names no version, and readers use the latest
            again = {table.name: self.storage.version(table) for table in written}
            self._replace_rows(tables.DAY_BUILDS, [row | {"writes": row["writes"] | again}])

    def days(self) -> list[DayRow]:
        """Return all rows of day_status, ordered by day."""
        return sorted(self._read_rows(tables.DAY_STATUS), key=lambda row: row["day"])

    def refresh_days(self) -> None:
        """Derive day_status again, and write it only where something changed.

        Collection and preprocessing may do this at the same time. If one finds that the other has changed the ledger
        meanwhile, it derives the rows again, so that the final rows include the changes of both. Raises BusyError after
        ATTEMPTS changes.
        """
        sources = (tables.LANDED_FILES, tables.HOUR_STATUS, tables.DAY_BUILDS)
        for _ in range(ATTEMPTS):
            seen = [self.storage.version(table) for table in sources]
            states = self.states()
            fresh = status.day_status(states, self._read_rows(tables.DAY_BUILDS), status.latest_hour(states, now()))
            try:
                if fresh != self.days():
                    self._require_writer().put_rows(tables.DAY_STATUS, fresh, again=False)
            except CONFLICTS:
                continue
            if seen == [self.storage.version(table) for table in sources]:
                return
        raise BusyError("day_status: other runs keep changing the ledger; run this again.")

    def _require_writer(self) -> TableWriter:
        if self._writer is None:
            raise PipelineError("the ledger was opened read-only; nothing can be written to it.")
        return self._writer

    def _read_rows(self, table: LedgerTable[RowT]) -> list[RowT]:
        if self._versions is None or table.name not in self._cached:
            version = self.storage.version(table)
            if self._cached.get(table.name, (None, []))[0] != version:
                self._cached[table.name] = (version, self.storage.rows(table))
        rows: list[RowT] = self._cached[table.name][1]
        return rows

    def _replace_rows(
        self, table: LedgerTable[RowT], changed: Iterable[RowT], outdated: Collection[tuple[object, ...]] = ()
    ) -> None:
        """Replace rows of the same key, add others and remove `outdated` keys.

        Rewrites the partitions that are touched. A column that a row omits is null. The cached rows remain correct
        without another read, because only the holder of the lease writes these partitions.
        """
        new = {_get_key(table, row): table.complete(row) for row in changed}
        if not new:
            return
        rows = {_get_key(table, row): row for row in self._read_rows(table)} | new
        rows = {key: row for key, row in rows.items() if key not in outdated}
        touched: set[str] | None = None
        written = rows
        if table.partition is not None:
            touched = {str(row[table.partition]) for row in new.values()}
            written = {key: row for key, row in rows.items() if row[table.partition] in touched}
        self._require_writer().put_rows(table, written.values(), touched)
        self._cached[table.name] = (self.storage.version(table), list(rows.values()))


def _get_key(table: Table, row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in table.key)


def _to_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
