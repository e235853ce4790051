"""The right to write: every commit to a table goes through this module, under the lease of its writer."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from delta.exceptions import captured
from pyspark.sql import DataFrame, DataFrameWriter

from spark_jobs.delta.log import ATTEMPTS, CONFLICTS, number_application
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.row_table import build_metadata_lines, conflict_error, superseded_error
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.ledger_rows import RowT
from spark_jobs.tables import LedgerTable, Table

COMMITS_OF_AN_ATTEMPT = 1_000_000  # more than any attempt needs
ROWS_INSIDE = "spark.databricks.delta.replaceWhere.constraintCheck.enabled"


class TableWriter:
    """Writes tables of a warehouse under one lease. `coordination.lease` creates it.

    Delta stores the number of the lease with each table, under the name of the writer. The table itself therefore
    refuses a commit of an earlier attempt. `epoch` None: not fenced.
    """

    def __init__(self, storage: Storage, name: str, epoch: int | None):
        self.storage, self.name, self._epoch = storage, name, epoch

    @classmethod
    def without_lease(cls, storage: Storage) -> "TableWriter":
        """Return a writer without fencing, for tests and for `make upgrade`, whose leases have an earlier layout."""
        return cls(storage, "", None)

    def create(self, table: Table) -> None:
        """Create the table, with comments and properties, where it does not exist.

        An existing table gets the columns that were declared after it was created, with their comments.
        """
        if not self.storage.exists(table):
            self.storage.row_table(table).commit({}, [], ())
        elif set(table.columns) - set(self.storage.log(table).columns()):
            self.storage.row_table(table).commit(self._take_next_number(), [], ())

    def replace(self, table: Table, frame: DataFrame, where: str | None, note: str | None = None) -> None:
        """Replace all rows that `where` selects (None: all rows) by `frame` in one commit.

        Delta refuses a row outside of `where`. A failure leaves the table unchanged. `note` is stored with the commit.
        """
        if self.storage.log(table).known_files() == [] and note is None:
            self.append(table, frame)
            return
        self.create(table)
        writer = table.conform(frame).write.format("delta")
        if where is not None:
            writer = writer.option("replaceWhere", where)
        if note is not None:
            writer = writer.option("userMetadata", note)
        self._save(writer, table)

    def replace_days(self, table: Table, frame: DataFrame, days: Collection[datetime]) -> None:
        """Replace all rows of `days` by `frame` in one commit. `days` must not be empty."""
        files, names = self.storage.log(table).known_files(), {str(day.date()) for day in days}
        are_new = files is not None and all(file["partitionValues"][table.partition] not in names for file in files)
        if are_new:
            self.append(table, frame)
        else:
            self.replace(table, frame, in_days(days))

    def replace_and_append(self, table: Table, frame: DataFrame, where: str) -> None:
        """Replace the rows that `where` selects by `frame` in one commit. Rows of `frame` outside of `where` are added.

        Only for landing: a changed file can give other hours than before, and both changes belong in one commit.
        """
        with _allow_rows_outside(self.storage):
            self.replace(table, frame, where)

    def append(self, table: Table, frame: DataFrame) -> None:
        """Add rows in one commit, which also creates a table that does not exist. Reads no existing rows.

        Delta's own writer would run two queries to find the number of the last commit; the checksum file has it.
        Raises SupersededError and writes nothing where the lease is not the latest. Raises BusyError where rows would
        be added next to those that an earlier attempt just wrote, and after ATTEMPTS conflicts with other writers.
        """
        log, rows, numbers = self.storage.log(table), table.conform(frame), self._take_next_number()
        for _ in range(ATTEMPTS):
            transaction = log.begin()
            before = {name: transaction.last_number(name) for name in numbers}
            if any(before[name] >= number for name, number in numbers.items()):
                raise SupersededError(superseded_error(self.name, table))
            written = transaction.write(rows, build_metadata_lines(table, transaction, {}))
            try:
                transaction.commit([number_application(*each) for each in numbers.items()], written)
            except CONFLICTS as error:
                now = {name: log.last_number(name) for name in numbers}
                if numbers and now == numbers:
                    return  # it was committed, but the log store's answer was lost
                if any(now[name] > number for name, number in numbers.items()):
                    raise SupersededError(superseded_error(self.name, table)) from error
                if now != before:
                    raise BusyError(conflict_error(log.address)) from error
                continue
            return
        raise BusyError(conflict_error(log.address))

    def put_rows(
        self,
        table: LedgerTable[RowT],
        rows: Iterable[RowT],
        partitions: Collection[str] | None = None,
        again: bool = True,
    ) -> None:
        """Replace all rows in these partitions of a ledger table (None: all rows) by `rows` in one commit.

        Costs no query. `again`: try again after another writer's commit. Otherwise the conflict is raised, because the
        rows depend on what that writer changed.
        """
        self.storage.row_table(table).commit(self._take_next_number(), rows, partitions, again)

    def add_rows(self, table: LedgerTable[RowT], rows: Iterable[RowT]) -> None:
        """Add rows to a ledger table in one commit. Costs no query."""
        self.storage.row_table(table).commit(self._take_next_number(), rows, ())

    def seal(self, table: Table, properties: Mapping[str, str] | None = None) -> None:
        """Commit no rows, so that no earlier attempt of this writer can commit afterwards.

        Adds `properties` to those of the table.
        """
        self.storage.row_table(table).commit(self._take_next_number(), [], (), properties=properties)

    def _save(self, writer: DataFrameWriter, table: Table) -> None:
        """Replace rows. Raises SupersededError and writes nothing where the lease is not the latest.

        Delta refuses a commit that began before another commit of the same application id, and skips one whose version
        is not above the table's last. Only the holder of the lease writes these rows. Any other conflict therefore
        means that another writer wrote its own rows, or that files were compacted, and the commit is tried again.
        Raises BusyError after ATTEMPTS conflicts.
        """
        writer = writer.mode("overwrite")
        if self._epoch is None:
            writer.save(self.storage.path(table))
            return
        number = self._take_next_number()[self.name]
        writer = writer.option("txnAppId", self.name).option("txnVersion", number)
        for _ in range(ATTEMPTS):
            try:
                writer.save(self.storage.path(table))
            except captured.ConcurrentTransactionException as error:  # same writer: the later attempt wins
                if (last := self.storage.log(table).last_number(self.name)) > number:
                    raise SupersededError(superseded_error(self.name, table)) from error
                if last == number:
                    return  # it was committed, but the log store's answer was lost
                continue
            except CONFLICTS:
                continue
            if self.storage.log(table).last_number(self.name) != number:
                raise SupersededError(superseded_error(self.name, table))
            return
        raise BusyError(conflict_error(self.storage.path(table)))

    def _take_next_number(self) -> dict[str, int]:
        """Return the number of the next commit by the writer's name; empty where the writer is not fenced."""
        if self._epoch is None:
            return {}
        return {self.name: self._epoch * COMMITS_OF_AN_ATTEMPT + self.storage.next_commit()}


@contextmanager
def _allow_rows_outside(storage: Storage) -> Iterator[None]:
    storage.spark.conf.set(ROWS_INSIDE, "false")
    try:
        yield
    finally:
        storage.spark.conf.unset(ROWS_INSIDE)
