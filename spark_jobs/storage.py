"""The Delta tables at their addresses: read, replace a window. The only module that knows Delta and addresses."""

from collections.abc import Iterable
from threading import Lock
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from delta import exceptions
from delta.exceptions import captured
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.tables import Table
from spark_jobs.versions import NOTHING

# History for a month and removed files for a week: long enough for time travel, bounded for years of hourly commits.
PROPERTIES = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "20",
    "delta.enableDeletionVectors": "false",  # other readers of Delta (DuckDB, delta-rs) read every version
}
COMMITS_OF_AN_ATTEMPT = 1_000_000  # more than any attempt makes
ATTEMPTS = 5  # at a commit that other writers keep getting ahead of
# What Delta raises when another writer was faster. PySpark raises these classes only once `captured` is imported, and
# nothing in Delta's own package imports it.
CONFLICTS = tuple(getattr(captured, name) for name in exceptions.__all__)
_CREATING = Lock()  # a creation that sees the begun log of another one is refused, or removes it


class Storage:
    """The tables below one warehouse address.

    `epochs` are the leases held, by part of the warehouse, `part` the one that writes now: none, and writes are free.
    """

    def __init__(self, spark: SparkSession, warehouse: str):
        self.spark, self.warehouse = spark, warehouse.rstrip("/")
        self._existing: set[str] = set()
        self._counts: dict[str, tuple[int, int]] = {}
        self.epochs: dict[str, int] = {}
        self.part: str | None = None
        self._commits, self._counting = 0, Lock()

    def path(self, table: Table) -> str:
        """The address of a table."""
        return f"{self.warehouse}/{table.name}"

    def exists(self, table: Table) -> bool:
        """Whether the table was ever created; asked once, for tables are never dropped."""
        if table.name not in self._existing and DeltaTable.isDeltaTable(self.spark, self.path(table)):
            self._existing.add(table.name)
        return table.name in self._existing

    def create(self, table: Table) -> None:
        """Creates the table, with comments and properties, where there is none."""
        with _CREATING:
            if not self.exists(table):
                self._clear_begun(table)
                self._create(table)

    def _create(self, table: Table) -> None:
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table)).comment(table.comment)
        for field in table.fields:
            builder = builder.addColumn(field.name, field.type, nullable=field.nullable, comment=field.comment)
        if table.partition:
            builder = builder.partitionedBy(table.partition)
        for key, value in properties(table).items():
            builder = builder.property(key, value)
        try:
            builder.execute()
        except (*CONFLICTS, AnalysisException):
            if not self.exists(table):  # created by another process at the same moment
                raise

    def remove(self, name: str) -> bool:
        """Removes a table that an earlier version of the project had, with all history. True if it was there."""
        files, path = self.file_system(f"{self.warehouse}/{name}")
        return files.delete(path, True)

    def _clear_begun(self, table: Table) -> None:
        """Removes the log of a creation that ended before its first commit: Delta would not create a table there."""
        files, log = self.file_system(f"{self.path(table)}/_delta_log")
        if files.exists(log) and not any(
            found.getPath().getName().endswith(".json") for found in files.listStatus(log)
        ):
            files.delete(log, True)

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
        path = self.spark._jvm.org.apache.hadoop.fs.Path(address)
        return path.getFileSystem(self.spark._jsc.hadoopConfiguration()), path

    def frame(self, table: Table, rows: Iterable[dict[str, Any]]) -> DataFrame:
        """A small DataFrame with the table's schema from values that the driver knows (ledger rows, never events)."""
        columns = schema(table)
        values = pa.Table.from_pylist(list(rows), to_arrow_schema(columns, timestamp_utc=True))
        return self.spark.createDataFrame(values, columns)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a small table, as values for the driver."""
        return [row.asDict(recursive=True) for row in self.read(table).collect()]

    def replace(
        self, table: Table, frame: DataFrame, where: str | None, note: str | None = None, again: bool = True
    ) -> None:
        """One commit in which `frame` takes the place of all rows that `where` names (None: of all rows).

        A failure on the way leaves the table as it was. `note` is kept with the commit. `again`: whether the same
        rows are right after another writer's commit too; if not, the conflict is raised.
        """
        self.create(table)
        writer = table.conform(frame).write.format("delta").mode("overwrite")
        if where is not None:
            writer = writer.option("replaceWhere", where)
        if note is not None:
            writer = writer.option("userMetadata", note)
        self._save(writer, table, self.part, again)

    def append(self, table: Table, frame: DataFrame) -> None:
        """Adds rows; for tables whose rows are given once and never change."""
        self.create(table)
        self._save(table.conform(frame).write.format("delta").mode("append"), table, self.part)

    def seal(self, table: Table, part: str) -> None:
        """A commit without rows, after which no earlier attempt at `part` can commit to the table."""
        self.create(table)
        self._save(self.frame(table, []).write.format("delta").mode("append"), table, part)

    def _save(self, writer: DataFrameWriter, table: Table, part: str | None, again: bool = True) -> None:
        """Commits under the lease of `part`. Raises SupersededError, nothing is written, where it is not the latest.

        Delta refuses a commit that began before another of the same application id, and skips one whose version is
        not above the table's last. Only the holder of the lease writes these rows: any other conflict means that
        another part wrote its own rows, or that files were joined, and the commit is tried again. Raises BusyError
        after ATTEMPTS conflicts.
        """
        writer = writer.option("mergeSchema", "true")  # a column that this version of the project added
        if part not in self.epochs:
            writer.save(self.path(table))
            return
        with self._counting:
            self._commits += 1
            number = self.epochs[part] * COMMITS_OF_AN_ATTEMPT + self._commits
        writer = writer.option("txnAppId", part).option("txnVersion", number)
        for _ in range(ATTEMPTS):
            try:
                writer.save(self.path(table))
            except captured.ConcurrentTransactionException as error:
                raise SupersededError(self._superseded(part, table)) from error
            except CONFLICTS:
                if not again:
                    raise
                continue
            if self._last_number(table, part) != number:
                raise SupersededError(self._superseded(part, table))
            return
        raise BusyError(f"{self.path(table)}: other writers keep changing it; run this again.")

    def _last_number(self, table: Table, part: str) -> int | None:
        """The number of the last commit under a lease of `part`."""
        found = self._checksum(table).setTransactions().get()
        java = self.spark._jvm.scala.jdk.javaapi.CollectionConverters.asJava(found)
        return next((one.version() for one in java if one.appId() == part), None)

    def _superseded(self, part: str, table: Table) -> str:
        return (
            f"{part}: this attempt has been superseded by a later one; {table.name} was not written, and nothing is "
            "left to do here."
        )

    def count(self, table: Table, version: int) -> int:
        """Rows of a version, from Delta's log without a scan; asked once for each version."""
        if self._counts.get(table.name, (None, 0))[0] != version:
            self._counts[table.name] = (version, self.read(table, version).count())
        return self._counts[table.name][1]

    def version(self, table: Table) -> int:
        """The latest version; -1 where the table does not exist."""
        return self._snapshot(table).version() if self.exists(table) else NOTHING

    def held(self, table: Table, version: int | None = None) -> tuple[int, int]:
        """Data files of a version (None: the latest), and their bytes."""
        if version == NOTHING:
            return 0, 0
        checksum = self._checksum(table, version)
        return checksum.numFiles(), checksum.tableSizeBytes()

    def _checksum(self, table: Table, version: int | None = None) -> Any:
        """The content of a version's checksum file; where there is none, Delta replays the log for it."""
        return self._snapshot(table, version).computeChecksum()

    def _snapshot(self, table: Table, version: int | None = None) -> Any:
        """Delta's own view of a version of the table; None: of the latest."""
        log = self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.path(table))
        none = self.spark._jvm.scala.Option.empty()
        latest = log.update(False, none, none)
        same = version is None or version == latest.version()
        return latest if same else log.getSnapshotAt(version, none, none, False)


def schema(table: Table) -> StructType:
    """The table's columns as Spark's types."""
    return StructType.fromDDL(", ".join(f"`{field.name}` {field.type}" for field in table.fields))


def properties(table: Table) -> dict[str, str]:
    """The properties that the table is created with."""
    statistics = {"delta.dataSkippingStatsColumns": ",".join(table.statistics)} if table.statistics else {}
    return PROPERTIES | statistics
