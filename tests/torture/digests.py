"""Digests of tables and hours that depend neither on the order of the rows nor on when they were written."""

import json
import sys
from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType

from spark_jobs import tables
from spark_jobs.delta.storage import Storage
from spark_jobs.flow import SNAPSHOTS
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.session import spark_session
from spark_jobs.tables.source_columns import EVENT

Query = Callable[[str], list[tuple]]
Hours = dict[str, tuple]
EVENTS = [column.name for column in EVENT]
THERE = "SELECT 1 FROM pg_tables WHERE tablename = 'user_events'"
WHEN = {"raw_version"}  # and every column with the comment "outside every comparison"
POSTGRES = {
    "user_events": "user_id, item_id, event_type, timestamp, session_id, rating, price",
    "items": "item_id, name, category, brand, price",
    "pipeline.loaded_hours": "hour, rows, digest",
    "pipeline.item_days": "item_id, day, category, brand, price",
}
HASHED = "sum(hashtextextended(ROW({})::text, 0)::numeric)"
HOUR = "to_char(date_trunc('hour', timestamp), 'HH24')"
SQL = f"SELECT {HOUR}, count(*), {HASHED.format(POSTGRES['user_events'])} FROM user_events GROUP BY 1"


def hours_of_delta(spark: SparkSession, warehouse: str) -> Hours:
    """Return the row count and the digest of each hour of user_events in Delta."""
    events = Storage(spark, warehouse).read(tables.USER_EVENTS)
    row = F.sum(F.xxhash64(F.to_json(F.struct(*EVENTS))).cast("decimal(38,0)"))
    hours = events.groupBy(F.date_format("timestamp", "HH").alias("hour")).agg(F.count("*").alias("n"), row.alias("d"))
    return {found.hour: (found.n, found.d) for found in hours.collect()}


def snapshots_of_delta(spark: SparkSession, warehouse: str) -> Hours:
    """Return row counts and digests of the matrix, its index tables and the features at the versions of the ledger."""
    ledger = Ledger(Storage(spark, warehouse)).pin()
    found = {}
    for job in SNAPSHOTS:
        frames = [(table, ledger.storage.read(table, ledger.version(table))) for table in job.writes]
        found[job.name] = tuple(tuple(frame.agg(*_digest(frame, table)).first()) for table, frame in frames)
    return found


def hours_of_postgres(query: Query) -> Hours:
    """Return the row count and the digest of each hour of user_events in PostgreSQL."""
    return {hour: tuple(rest) for hour, *rest in query(SQL)} if query(THERE) else {}


def digests(spark: SparkSession, warehouse: str, query: Query) -> dict[str, Any]:
    """Return the row count and the digest of every table of the warehouse and of PostgreSQL."""
    storage = Storage(spark, warehouse)
    found = {}
    for table in tables.ALL:
        if table is tables.LEASES:
            continue
        frame = storage.read(table)
        found[table.name] = tuple(frame.agg(*_digest(frame, table)).first())
    present = {name for (name,) in query("SELECT schemaname || '.' || tablename FROM pg_tables")}
    for name, columns in POSTGRES.items():
        if (name if "." in name else f"public.{name}") in present:
            found[f"PostgreSQL {name}"] = query(f"SELECT count(*), {HASHED.format(columns)} FROM {name}")[0]
    return found


def _digest(frame: DataFrame, table: tables.Table) -> tuple[Column, Column]:
    excluded = {field.name for field in table.fields if "outside every comparison" in field.comment} | WHEN
    row = F.xxhash64(F.to_json(F.struct(*(_in_stable_order(frame, n) for n in table.columns if n not in excluded))))
    return F.count("*"), F.sum(row.cast("decimal(38,0)"))


def _in_stable_order(frame, name: str) -> Column:
    kind = frame.schema[name].dataType
    if isinstance(kind, MapType):
        return F.array_sort(F.map_entries(name)).alias(name)
    return F.array_sort(name).alias(name) if isinstance(kind, ArrayType) else F.col(name)


def main() -> int:
    """Print the digests of a warehouse as a line of JSON: `spark-submit tests/torture/digests.py WAREHOUSE`."""
    spark = spark_session("digests")
    sys.stdout.write(json.dumps(digests(spark, sys.argv[1], lambda sql: []), default=str) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
