"""The Delta tables at their addresses: read them, replace a window of rows."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from delta.exceptions import captured
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from spark_jobs.delta import log as delta_log
from spark_jobs.delta.log import ATTEMPTS, CONFLICTS, NOTHING, DeltaLog, file_system
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.row_table import Row, RowTable, overtaken, superseded
from spark_jobs.delta.schema import schema
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.tables import Table

COMMITS_OF_AN_ATTEMPT = 1_000_000  # more than any attempt makes


class Storage:
    """The tables below one warehouse address.

    `epochs`: the number of each lease that is held, by part of the warehouse. `part`: the part that writes now. Without
    a lease, writes are not fenced.
    """

    def __init__(self, spark: SparkSession, warehouse: str):
        self.spark, self.warehouse = spark, warehouse.rstrip("/")
        self._existing: set[str] = set()
        self._logs: dict[str, DeltaLog] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self.epochs: dict[str, int] = {}
        self.part: str | None = None
        self._commits, self._counting = 0, Lock()

    def path(self, table: Table) -> str:
        """The address of a table."""
        return f"{self.warehouse}/{table.name}"

    def log(self, table: Table) -> DeltaLog:
        """Delta's log of the table."""
        if table.name not in self._logs:
            self._logs.setdefault(table.name, DeltaLog(self.spark, self.path(table)))
        return self._logs[table.name]

    def _row_table(self, table: Table) -> RowTable:
        return RowTable(self.spark, self.log(table), table)

    def exists(self, table: Table) -> bool:
        """Whether the table was ever created; asked once, for tables are never dropped."""
        if table.name not in self._existing and self.log(table).version() != NOTHING:
            self._existing.add(table.name)
        return table.name in self._existing

    def create(self, table: Table) -> None:
        """Creates the table, with comments and properties, where there is none."""
        if not self.exists(table):
            self._row_table(table).commit({}, [], ())

    def remove(self, name: str) -> bool:
        """Removes a table that an earlier version of the project had, with all history. True if it was there."""
        files, path = self.file_system(f"{self.warehouse}/{name}")
        return files.delete(path, True)

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table as it is now, or as a version had it; version -1, and a table that nobody wrote yet, are empty."""
        if version == NOTHING or not self.exists(table):
            return self.frame(table, [])
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(self.path(table))

    def read_earlier(self, table: Table, version: int, where: str) -> DataFrame | None:
        """The rows that `where` names as a version had them; None where its log or its files are gone."""
        try:
            rows = self.read(table, version).where(where)
        except AnalysisException as error:
            if "VERSION" not in (error.getCondition() or ""):
                raise
            return None
        replaced = set(rows.inputFiles()) - set(self.read(table).inputFiles())  # the files of the latest are there
        return rows if all(self._is_there(unquote(address)) for address in replaced) else None

    def is_readable(self, table: Table, version: int) -> bool:
        """Whether a version can take the place of the latest: its log and files are there, its columns the same."""
        if version == self.version(table):
            return True
        rows = self.read_earlier(table, version, "true")
        return rows is not None and rows.columns == self.read(table).columns

    def every_file(self, table: Table) -> DataFrame:
        """The rows of every file in the table's folder, those of earlier versions too; without the partition column."""
        reader = self.spark.read.schema(schema(table)).option("recursiveFileLookup", True)
        return reader.option("__globPaths__", False).parquet(self.path(table))  # an address may hold [ ] { }

    def _is_there(self, address: str) -> bool:
        files, path = self.file_system(address)
        return files.exists(path)

    def file_system(self, address: str) -> tuple[Any, Any]:
        """Hadoop's file system of an address, and the address as its path."""
        return file_system(self.spark, address)

    def frame(self, table: Table, rows: Iterable[dict[str, Any]]) -> DataFrame:
        """A small DataFrame with the table's schema from values that the driver knows (ledger rows, never events)."""
        columns = schema(table)
        values = pa.Table.from_pylist(list(rows), to_arrow_schema(columns, timestamp_utc=True))
        return self.spark.createDataFrame(values, columns)

    def rows(self, table: Table) -> list[Row]:
        """All rows of a small table, as values for the driver. Costs no query."""
        return self._row_table(table).rows()

    def put_rows(
        self,
        table: Table,
        rows: Iterable[Row],
        partitions: Collection[str] | None = None,
        again: bool = True,
    ) -> None:
        """One commit in which `rows` take the place of all in these partitions of a small table (None: of all rows).

        Costs no query. `again`: try again after another writer's commit. If not, the conflict is raised, for the rows
        depend on what that writer changed.
        """
        self._row_table(table).commit(self._numbers(self.part), rows, partitions, again)

    def put_leases(self, table: Table, rows: Iterable[Row], epochs: Mapping[str, int], seen: Mapping[str, int]) -> None:
        """The rows of `leases` for the parts of `epochs`. Raises SupersededError where the last number of a part is
        not the one that was `seen`."""
        self._row_table(table).commit(epochs, rows, epochs, seen=seen)

    def add_rows(self, table: Table, rows: Iterable[Row]) -> None:
        """Adds rows to a small table, in one commit. Costs no query."""
        self._row_table(table).commit(self._numbers(self.part), rows, ())

    def replace(
        self, table: Table, frame: DataFrame, where: str | None, note: str | None = None, are_new: bool = False
    ) -> None:
        """One commit in which `frame` takes the place of all rows that `where` names (None: of all rows).

        A failure on the way leaves the table as it was. `note` is kept with the commit. `are_new`: the table has no
        such rows, so none are looked for.
        """
        self.create(table)
        appends = are_new or self.log(table).known_files() == []
        writer = table.conform(frame).write.format("delta")
        if not appends and where is not None:
            writer = writer.option("replaceWhere", where)
        if note is not None:
            writer = writer.option("userMetadata", note)
        self._save(writer, table, self.part, appends)

    def replace_days(self, table: Table, frame: DataFrame, days: Collection[datetime]) -> None:
        """One commit in which `frame` takes the place of all rows of `days`, which are not empty."""
        files, chosen = self.log(table).known_files(), {str(day.date()) for day in days}
        are_new = files is not None and all(file["partitionValues"][table.partition] not in chosen for file in files)
        self.replace(table, frame, in_days(days), are_new=are_new)

    def append(self, table: Table, frame: DataFrame) -> None:
        """Adds rows; for tables whose rows are given once and never change."""
        self.create(table)
        self._save(table.conform(frame).write.format("delta"), table, self.part, appends=True)

    def seal(self, table: Table, part: str, properties: Mapping[str, str] | None = None) -> None:
        """A commit without rows, after which no earlier attempt at `part` can commit; it adds `properties`."""
        self._row_table(table).commit(self._numbers(part), [], (), properties=properties)

    def _save(self, writer: DataFrameWriter, table: Table, part: str | None, appends: bool) -> None:
        """Commits under the lease of `part`. Raises SupersededError, nothing is written, where it is not the latest.

        Delta refuses a commit that began before another of the same application id, and skips one whose version is
        not above the table's last. Only the holder of the lease writes these rows: any other conflict means that
        another part wrote its own rows, or that files were joined, and the commit is tried again. Raises BusyError
        after ATTEMPTS conflicts, and where rows would be added beside those that an earlier attempt just wrote.
        """
        writer = writer.mode("append" if appends else "overwrite")
        writer = writer.option("mergeSchema", "true")  # a column that this version of the project added
        if part not in self.epochs:
            writer.save(self.path(table))
            return
        ((_, number),) = self._numbers(part).items()
        writer = writer.option("txnAppId", part).option("txnVersion", number)
        for _ in range(ATTEMPTS):
            try:
                writer.save(self.path(table))
            except captured.ConcurrentTransactionException as error:  # of this part: which attempt is later decides
                if (last := self.log(table).last_number(part)) > number:
                    raise SupersededError(superseded(part, table)) from error
                if last == number:
                    return  # it is committed, and the log store's answer was lost
                if appends:
                    raise BusyError(overtaken(self.path(table))) from error
                continue
            except CONFLICTS:
                continue
            if self.log(table).last_number(part) != number:
                raise SupersededError(superseded(part, table))
            return
        raise BusyError(overtaken(self.path(table)))

    def _numbers(self, part: str | None) -> dict[str, int]:
        """The number of the next commit under the lease of `part`; none where nothing is leased."""
        if part not in self.epochs:
            return {}
        with self._counting:
            self._commits += 1
            return {part: self.epochs[part] * COMMITS_OF_AN_ATTEMPT + self._commits}

    def count(self, table: Table, version: int) -> int:
        """Rows of a version, from Delta's log without a scan; asked once for each version."""
        if self._counts.get(table.name, (None, 0))[0] != version:
            known = [] if version == NOTHING else self.log(table).known_files(version)
            found = None if known is None else delta_log.rows_of(known)
            self._counts[table.name] = (version, self.read(table, version).count() if found is None else found)
        return self._counts[table.name][1]

    def count_by_day(self, table: Table, days: Collection[datetime]) -> dict[str, int]:
        """Rows of at least these days in the latest version; from Delta's log where that keeps its files at hand."""
        known = self.log(table).known_files()
        if known is None or delta_log.rows_of(known) is None:
            counted = self.read(table).where(in_days(days)).groupBy("event_date").count().collect()
            return {str(row.event_date): row["count"] for row in counted}
        found: Counter[str] = Counter()
        for file in known:
            found[file["partitionValues"]["event_date"]] += delta_log.rows_of([file])
        return dict(found)

    def fingerprint(self, table: Table, version: int) -> str:
        """A name for the state of a table: its version and files. One that was put back and went on has another."""
        known = [] if version == NOTHING else self.log(table).known_files(version)
        files = sorted(file["path"] for file in known) if known is not None else self.held(table, version)
        return hashlib.sha256(f"{version}|{files}".encode()).hexdigest()[:16]

    def version(self, table: Table) -> int:
        """The latest version; -1 where the table does not exist."""
        return self.log(table).version()

    def held(self, table: Table, version: int | None = None) -> tuple[int, int]:
        """Data files of a version (None: the latest), and their bytes."""
        return (0, 0) if version == NOTHING else self.log(table).size(version)
