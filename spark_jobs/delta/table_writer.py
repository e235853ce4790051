"""The right to write: every commit to a table is made here, under the lease of its writer."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from delta.exceptions import captured
from pyspark.sql import DataFrame, DataFrameWriter

from spark_jobs.delta.log import ATTEMPTS, CONFLICTS
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.row_table import Row, conflict_error, superseded_error
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.tables import Table

COMMITS_OF_AN_ATTEMPT = 1_000_000  # more than any attempt makes
ROWS_INSIDE = "spark.databricks.delta.replaceWhere.constraintCheck.enabled"


class TableWriter:
    """Writes tables of a warehouse under one lease (`coordination.lease` makes it).

    Delta keeps the number of the lease with each table, under the name of the writer: the table itself refuses a
    commit of an earlier attempt. `epoch` None: not fenced.
    """

    def __init__(self, storage: Storage, name: str, epoch: int | None):
        self.storage, self.name, self._epoch = storage, name, epoch

    @classmethod
    def without_lease(cls, storage: Storage) -> "TableWriter":
        """A writer that nothing fences: for `make upgrade`, whose leases are of an earlier layout, and for tests."""
        return cls(storage, "", None)

    def create(self, table: Table) -> None:
        """Create the table, with comments and properties, where there is none."""
        if not self.storage.exists(table):
            self.storage.row_table(table).commit({}, [], ())

    def replace(self, table: Table, frame: DataFrame, where: str | None, note: str | None = None) -> None:
        """Commit `frame` in the place of all rows that `where` names (None: of all rows).

        Delta refuses a row that lies outside of `where`. A failure on the way leaves the table as it was. `note` is
        kept with the commit.
        """
        self._replace(table, frame, where, note)

    def replace_days(self, table: Table, frame: DataFrame, days: Collection[datetime]) -> None:
        """Commit `frame` in the place of all rows of `days`, which are not empty."""
        files, chosen = self.storage.log(table).known_files(), {str(day.date()) for day in days}
        are_new = files is not None and all(file["partitionValues"][table.partition] not in chosen for file in files)
        if are_new:
            self.append(table, frame)
        else:
            self._replace(table, frame, in_days(days))

    def replace_and_append(self, table: Table, frame: DataFrame, where: str) -> None:
        """Commit `frame` in the place of the rows that `where` names; its other rows are added.

        For landing alone: a file that has changed gives other hours than before, and both belong in one commit.
        """
        with _rows_may_lie_outside(self.storage):
            self._replace(table, frame, where)

    def append(self, table: Table, frame: DataFrame) -> None:
        """Commit further rows: of the table's rows, none are looked for."""
        self.create(table)
        self._save(table.conform(frame).write.format("delta"), table, appends=True)

    def put_rows(
        self, table: Table, rows: Iterable[Row], partitions: Collection[str] | None = None, again: bool = True
    ) -> None:
        """Commit `rows` in the place of all in these partitions of a small table (None: of all rows).

        Costs no query. `again`: try again after another writer's commit. If not, the conflict is raised, for the rows
        depend on what that writer changed.
        """
        self.storage.row_table(table).commit(self._next_number(), rows, partitions, again)

    def add_rows(self, table: Table, rows: Iterable[Row]) -> None:
        """Commit further rows of a small table. Costs no query."""
        self.storage.row_table(table).commit(self._next_number(), rows, ())

    def seal(self, table: Table, properties: Mapping[str, str] | None = None) -> None:
        """Commit no rows: no earlier attempt of this writer can commit after it. Adds `properties` to the table's."""
        self.storage.row_table(table).commit(self._next_number(), [], (), properties=properties)

    def _replace(self, table: Table, frame: DataFrame, where: str | None, note: str | None = None) -> None:
        self.create(table)
        is_empty = self.storage.log(table).known_files() == []
        writer = table.conform(frame).write.format("delta")
        if not is_empty and where is not None:
            writer = writer.option("replaceWhere", where)
        if note is not None:
            writer = writer.option("userMetadata", note)
        self._save(writer, table, appends=is_empty)

    def _save(self, writer: DataFrameWriter, table: Table, appends: bool) -> None:
        """Commit. Raises SupersededError, nothing is written, where the lease is not the latest.

        Delta refuses a commit that began before another of the same application id, and skips one whose version is
        not above the table's last. Only the holder of the lease writes these rows: any other conflict means that
        another writer wrote its own rows, or that files were joined, and the commit is tried again. Raises BusyError
        after ATTEMPTS conflicts, and where rows would be added beside those that an earlier attempt just wrote.
        """
        writer = writer.mode("append" if appends else "overwrite")
        writer = writer.option("mergeSchema", "true")  # a column that this version of the project added
        if self._epoch is None:
            writer.save(self.storage.path(table))
            return
        number = self._next_number()[self.name]
        writer = writer.option("txnAppId", self.name).option("txnVersion", number)
        for _ in range(ATTEMPTS):
            try:
                writer.save(self.storage.path(table))
            except captured.ConcurrentTransactionException as error:  # of this writer: which attempt is later decides
                if (last := self.storage.log(table).last_number(self.name)) > number:
                    raise SupersededError(superseded_error(self.name, table)) from error
                if last == number:
                    return  # it is committed, and the log store's answer was lost
                if appends:
                    raise BusyError(conflict_error(self.storage.path(table))) from error
                continue
            except CONFLICTS:
                continue
            if self.storage.log(table).last_number(self.name) != number:
                raise SupersededError(superseded_error(self.name, table))
            return
        raise BusyError(conflict_error(self.storage.path(table)))

    def _next_number(self) -> dict[str, int]:
        """The number of the next commit, by the writer's name; none where it is not fenced."""
        if self._epoch is None:
            return {}
        return {self.name: self._epoch * COMMITS_OF_AN_ATTEMPT + self.storage.next_commit()}


@contextmanager
def _rows_may_lie_outside(storage: Storage) -> Iterator[None]:
    storage.spark.conf.set(ROWS_INSIDE, "false")
    try:
        yield
    finally:
        storage.spark.conf.unset(ROWS_INSIDE)
