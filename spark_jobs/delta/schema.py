"""A table as Spark and Delta know it: types, comments, properties."""

from pyspark.sql.types import StructField, StructType

from spark_jobs.tables import Table

# History for a month and removed files for a week: long enough for time travel, bounded for years of hourly commits.
PROPERTIES = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "20",
    "delta.enableDeletionVectors": "false",  # other readers of Delta (DuckDB, delta-rs) read every version
}


def schema(table: Table) -> StructType:
    """The table's columns as Spark's types."""
    return StructType.fromDDL(", ".join(f"`{field.name}` {field.type}" for field in table.fields))


def declared(table: Table) -> StructType:
    """The table's schema as Delta keeps it: with comments, and what may be null."""
    types = schema(table)
    return StructType(
        [
            StructField(field.name, types[field.name].dataType, field.nullable, {"comment": field.comment})
            for field in table.fields
        ]
    )


def properties(table: Table) -> dict[str, str]:
    """The properties that the table is created with."""
    statistics = {"delta.dataSkippingStatsColumns": ",".join(table.statistics)} if table.statistics else {}
    return PROPERTIES | statistics
