"""The schema of a table for Spark and Delta: types, comments, properties."""

from typing import cast

from pyspark.sql.types import StructField, StructType

from spark_jobs.tables import Table

# The history lasts a month and removed files a week: enough for time travel, bounded over years of hourly commits.
PROPERTIES = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "20",
    "delta.enableDeletionVectors": "false",  # so that DuckDB and delta-rs can read every version
}


def schema(table: Table) -> StructType:
    """Return the table's columns as Spark types."""
    columns = ", ".join(f"`{field.name}` {field.type}" for field in table.fields)
    return cast(StructType, StructType.fromDDL(columns))  # declared as any type of data


def build_delta_schema(table: Table) -> StructType:
    """Return the table's schema as Delta stores it: with comments and nullability."""
    types = schema(table)
    return StructType(
        [
            StructField(field.name, types[field.name].dataType, field.nullable, {"comment": field.comment})
            for field in table.fields
        ]
    )


def properties(table: Table) -> dict[str, str]:
    """Return the properties with which the table is created."""
    statistics = {"delta.dataSkippingStatsColumns": ",".join(table.statistics)} if table.statistics else {}
    return PROPERTIES | statistics
