"""The Delta tables at their addresses: their rows, versions and counts."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from spark_jobs.delta import log as delta_log
from spark_jobs.delta.log import NOTHING, DeltaLog, file_system
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.row_table import Row, RowTable
from spark_jobs.delta.schema import schema
from spark_jobs.tables import Table


class Storage:
    """The tables below one warehouse address, to be read; `TableWriter` writes them."""

    def __init__(self, spark: SparkSession, warehouse: str):
        self.spark, self.warehouse = spark, warehouse.rstrip("/")
        self._existing: set[str] = set()
        self._logs: dict[str, DeltaLog] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._commits, self._counting = 0, Lock()

    def path(self, table: Table) -> str:
        """The address of a table."""
        return f"{self.warehouse}/{table.name}"

    def log(self, table: Table) -> DeltaLog:
        """Delta's log of the table."""
        if table.name not in self._logs:
            self._logs.setdefault(table.name, DeltaLog(self.spark, self.path(table)))
        return self._logs[table.name]

    def row_table(self, table: Table) -> RowTable:
        """The table as one whose rows are few."""
        return RowTable(self.spark, self.log(table), table)

    def exists(self, table: Table) -> bool:
        """Whether the table was ever created; asked once, for tables are never dropped."""
        if table.name not in self._existing and self.log(table).version() != NOTHING:
            self._existing.add(table.name)
        return table.name in self._existing

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
        return self.row_table(table).rows()

    def next_commit(self) -> int:
        """A number for the next commit, above all before it."""
        with self._counting:
            self._commits += 1
            return self._commits

    def count(self, table: Table, version: int) -> int:
        """Rows of a version, from Delta's log without a scan; asked once for each version."""
        if self._counts.get(table.name, (None, 0))[0] != version:
            known = [] if version == NOTHING else self.log(table).known_files(version)
            found = None if known is None else delta_log.count_rows(known)
            self._counts[table.name] = (version, self.read(table, version).count() if found is None else found)
        return self._counts[table.name][1]

    def count_by_day(self, table: Table, days: Collection[datetime]) -> dict[str, int]:
        """Rows of at least these days in the latest version; from Delta's log where that keeps its files at hand."""
        known = self.log(table).known_files()
        if known is None or delta_log.count_rows(known) is None:
            counted = self.read(table).where(in_days(days)).groupBy("event_date").count().collect()
            return {str(row.event_date): row["count"] for row in counted}
        found: Counter[str] = Counter()
        for file in known:
            found[file["partitionValues"]["event_date"]] += delta_log.count_rows([file])
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
