"""The Delta tables at their addresses: read, replace a window, merge. The only module that knows Delta and addresses."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_jobs.tables import Table
from spark_jobs.windows import DAY, HOUR, Window, floor, ranges

# History for a month and removed files for a week: long enough for time travel, bounded for years of hourly commits.
PROPERTIES = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "20",
    "delta.enableDeletionVectors": "false",  # other readers of Delta (DuckDB, delta-rs) read every version
}
FEW_FILES = 4


class Storage:
    """The tables below one warehouse address."""

    def __init__(self, spark: SparkSession, warehouse: str):
        self.spark, self.warehouse = spark, warehouse.rstrip("/")

    def path(self, table: Table) -> str:
        """The address of a table."""
        return f"{self.warehouse}/{table.name}"

    def exists(self, table: Table) -> bool:
        """Whether the table was ever created."""
        return DeltaTable.isDeltaTable(self.spark, self.path(table))

    def create(self, table: Table) -> None:
        """Creates the table, with comments and properties, where there is none."""
        if self.exists(table):
            return
        statistics = {"delta.dataSkippingStatsColumns": ",".join(table.statistics)} if table.statistics else {}
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table)).comment(table.comment)
        for field in table.fields:
            builder = builder.addColumn(field.name, field.type, nullable=field.nullable, comment=field.comment)
        if table.partition:
            builder = builder.partitionedBy(table.partition)
        for key, value in (PROPERTIES | statistics).items():
            builder = builder.property(key, value)
        builder.execute()

    def read(self, table: Table, where: Column | None = None) -> DataFrame:
        """The table as it is now; a table that nobody wrote yet reads as empty."""
        if not self.exists(table):
            return self.frame(table, [])
        frame = self.spark.read.format("delta").load(self.path(table))
        return frame if where is None else frame.where(where)

    def frame(self, table: Table, rows: Iterable[dict[str, Any]]) -> DataFrame:
        """A small DataFrame with the table's schema from values that the driver knows (ledger rows, never events)."""
        schema = StructType.fromDDL(", ".join(f"`{field.name}` {field.type}" for field in table.fields))
        return self.spark.createDataFrame([tuple(row.get(name) for name in table.columns) for row in rows], schema)

    def replace(self, table: Table, frame: DataFrame, where: str | None) -> None:
        """One commit in which `frame` takes the place of all rows that `where` names (None: of all rows).

        A failure on the way leaves the table as it was.
        """
        self.create(table)
        writer = table.conform(frame).write.format("delta").mode("overwrite")
        if where is not None:
            writer = writer.option("replaceWhere", where)
        writer.save(self.path(table))

    def append(self, table: Table, frame: DataFrame) -> None:
        """Adds rows; for tables whose rows are given once and never change."""
        self.create(table)
        table.conform(frame).write.format("delta").mode("append").save(self.path(table))

    def merge(self, table: Table, frame: DataFrame) -> None:
        """Updates the rows whose key `frame` has, inserts the others. For the small ledger tables."""
        self.create(table)
        same = " AND ".join(f"old.`{name}` <=> new.`{name}`" for name in table.key)
        target = DeltaTable.forPath(self.spark, self.path(table)).alias("old")
        merge = target.merge(table.conform(frame).alias("new"), same)
        merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()

    def version(self, table: Table) -> int:
        """The latest version; -1 where the table does not exist."""
        if not self.exists(table):
            return -1
        log = self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.path(table))
        anew = self.spark._jvm.scala.Option.empty()
        return log.update(False, anew, anew).version()

    def undo_after(self, table: Table, version: int) -> bool:
        """Takes back commits later than `version`, compaction apart: what a killed attempt left. True if any."""
        if self.version(table) <= version:
            return False
        handle = DeltaTable.forPath(self.spark, self.path(table))
        later = handle.history().where((F.col("version") > version) & ~F.col("operation").isin("OPTIMIZE"))
        if later.isEmpty():
            return False
        handle.restoreToVersion(version)
        return True

    def compact(self, table: Table, days: Iterable[datetime]) -> None:
        """Joins the small files of closed days; rows stay as they are. Left for next time where a writer is faster."""
        if not self.exists(table):
            return
        for day in days:
            where = f"{table.partition} = DATE '{day:%Y-%m-%d}'"
            files = self.read(table).where(where).select(F.input_file_name()).distinct()
            if files.limit(FEW_FILES + 1).count() <= FEW_FILES:
                continue
            try:
                DeltaTable.forPath(self.spark, self.path(table)).optimize().where(where).executeCompaction()
            except PySparkException as error:
                if "Concurrent" not in type(error).__name__ and "DELTA_CONCURRENT" not in str(error):
                    raise


def in_units(windows: Iterable[Window], time: str = "timestamp", day: str | None = "event_date") -> str:
    """SQL that names exactly these windows; whole days are named by the partition alone, which costs no scan."""
    parts = []
    for window in windows:
        first, last = floor(window.start, DAY), floor(window.end - HOUR, DAY)
        dates = f"{day} >= DATE '{first:%Y-%m-%d}' AND {day} <= DATE '{last:%Y-%m-%d}'"
        whole = window.start == first and window.end == last + DAY
        hours = f"{time} >= TIMESTAMP '{window.start}' AND {time} < TIMESTAMP '{window.end}'"
        parts.append(f"({dates})" if whole and day else f"({dates} AND {hours})" if day else f"({hours})")
    return " OR ".join(parts) if parts else "false"


def in_days(days: Iterable[datetime], column: str = "event_date") -> str:
    """SQL that names exactly these days."""
    return in_units(ranges(days, DAY), day=column)
