"""Read access to the Delta tables of a warehouse: rows, versions and counts."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from threading import Lock
from typing import Any

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from spark_jobs.delta import log as delta_log
from spark_jobs.delta.log import NOTHING, DeltaLog, file_system
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.row_table import RowTable, read_rows
from spark_jobs.delta.schema import schema
from spark_jobs.ledger_rows import Row, RowT
from spark_jobs.tables import LedgerTable, Table


class Storage:
    """Read access to the tables below one warehouse address. `TableWriter` writes them."""

    def __init__(self, spark: SparkSession, warehouse: str):
        self.spark, self.warehouse = spark, warehouse.rstrip("/")
        self._existing: set[str] = set()
        self._logs: dict[str, DeltaLog] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._commits, self._counting = 0, Lock()

    def path(self, table: Table) -> str:
        """Return the address of a table."""
        return f"{self.warehouse}/{table.name}"

    def log(self, table: Table) -> DeltaLog:
        """Return Delta's log of the table."""
        if table.name not in self._logs:
            self._logs.setdefault(table.name, DeltaLog(self.spark, self.path(table)))
        return self._logs[table.name]

    def row_table(self, table: Table) -> RowTable:
        """Return the table as one that the driver writes through its Delta log, without a query."""
        return RowTable(self.spark, self.log(table), table)

    def exists(self, table: Table) -> bool:
        """Return whether the table was ever created. A positive answer is cached, because tables are never dropped."""
        if table.name not in self._existing and self.log(table).version() != NOTHING:
            self._existing.add(table.name)
        return table.name in self._existing

    def remove(self, name: str) -> bool:
        """Remove a table of an earlier version of the project with its whole history. Returns whether it existed."""
        files, path = self.file_system(f"{self.warehouse}/{name}")
        return bool(files.delete(path, True))

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """Return the table at a version (None: the latest).

        Version -1 and a table that does not exist yet are empty. A nullable column that was declared after the version
        was written is null.
        """
        if version == NOTHING or not self.exists(table):
            return self.frame(table, [])
        stored = self._load(table, version)
        new = [field for field in table.fields if field.nullable and field.name not in stored.columns]
        return stored.withColumns({field.name: F.lit(None).cast(field.type) for field in new}) if new else stored

    def list_files(self, table: Table, version: int | None = None, where: str = "true") -> set[str]:
        """Return the addresses of the data files of a version that may contain rows that `where` selects."""
        if version == NOTHING or not self.exists(table):
            return set()
        return set(self._load_by_log(table, version).where(where).inputFiles())

    def _load(self, table: Table, version: int | None = None) -> DataFrame:
        if (found := self.log(table).read_known_files(version)) is not None:
            return found
        return self._load_by_log(table, version)

    def _load_by_log(self, table: Table, version: int | None) -> DataFrame:
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(self.path(table))

    def stored_schema(self, table: Table, version: int | None = None) -> StructType:
        """Return the columns that a version (None: the latest) of an existing table was written with."""
        return self._load(table, version).schema

    def read_earlier(self, table: Table, version: int, where: str) -> DataFrame | None:
        """Return the rows of a version that `where` selects; None where its log or its files are gone."""
        try:
            rows = self.read(table, version).where(where)
        except AnalysisException as error:
            if "VERSION" not in (error.getCondition() or ""):
                raise
            return None
        replaced = self.list_files(table, version, where) - self.list_files(table)  # those of the latest exist
        return rows if all(self._has_file(address) for address in replaced) else None

    def is_readable(self, table: Table, version: int) -> bool:
        """Return whether a version can replace the latest one: its log and files exist, and it has the same columns."""
        if version == self.version(table):
            return True
        if self.read_earlier(table, version, "true") is None:
            return False
        return self.stored_schema(table, version).names == self.stored_schema(table).names

    def read_every_file(self, table: Table) -> DataFrame:
        """Return the rows of all files in the table's folder, also of earlier versions.

        The partition column is missing.
        """
        reader = self.spark.read.schema(schema(table)).option("recursiveFileLookup", True)
        return reader.option("__globPaths__", False).parquet(self.path(table))  # an address may contain [ ] { }

    def _has_file(self, address: str) -> bool:
        files, path = self.file_system(address)
        return bool(files.exists(path))

    def file_system(self, address: str) -> tuple[Any, Any]:
        """Return Hadoop's file system of an address, and the address as a Hadoop path."""
        return file_system(self.spark, address)

    def frame(self, table: Table, rows: Iterable[Row]) -> DataFrame:
        """Return a small DataFrame with the table's schema from values in the driver (ledger rows, never events)."""
        columns = schema(table)
        values = pa.Table.from_pylist(list(rows), to_arrow_schema(columns, timestamp_utc=True))
        return self.spark.createDataFrame(values, columns)

    def rows(self, table: LedgerTable[RowT]) -> list[RowT]:
        """Return all rows of a table of the ledger as plain values in the driver. Costs no query."""
        return read_rows(self.spark, self.log(table), table)

    def next_commit(self) -> int:
        """Return a number for the next commit, above all earlier ones."""
        with self._counting:
            self._commits += 1
            return self._commits

    def count(self, table: Table, version: int) -> int:
        """Return the number of rows of a version, from Delta's log without a scan.

        The last version's count is cached.
        """
        if self._counts.get(table.name, (None, 0))[0] != version:
            known = [] if version == NOTHING else self.log(table).known_files(version)
            found = None if known is None else delta_log.count_rows(known)
            self._counts[table.name] = (version, self.read(table, version).count() if found is None else found)
        return self._counts[table.name][1]

    def count_by_day(self, table: Table, days: Collection[datetime]) -> dict[str, int]:
        """Return the number of rows of each day in the latest version, for at least these days.

        The counts are from Delta's log where its checksum file lists the files; otherwise they cost a query.
        """
        known = self.log(table).known_files()
        if known is None or delta_log.count_rows(known) is None:
            counted = self.read(table).where(in_days(days)).groupBy("event_date").count().collect()
            return {str(row.event_date): row["count"] for row in counted}
        found: Counter[str] = Counter()
        for file in known:
            found[file["partitionValues"]["event_date"]] += delta_log.count_rows([file]) or 0
        return dict(found)

    def fingerprint(self, table: Table, version: int) -> str:
        """Return a fingerprint of a table's state, from its version and its files.

        A table that was restored and then written again has another fingerprint at the same version.
        """
        known = [] if version == NOTHING else self.log(table).known_files(version)
        files = sorted(file["path"] for file in known) if known is not None else self.measure_version(table, version)
        return hashlib.sha256(f"{version}|{files}".encode()).hexdigest()[:16]

    def version(self, table: Table) -> int:
        """Return the latest version; -1 where the table does not exist."""
        return self.log(table).version()

    def measure_version(self, table: Table, version: int | None = None) -> tuple[int, int]:
        """Return the number of data files of a version (None: the latest), and their bytes."""
        return (0, 0) if version == NOTHING else self.log(table).size(version)
