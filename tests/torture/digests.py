"""What a table holds, as one value that does not depend on the order of rows or on when they were written."""

from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType

from spark_jobs import tables
from spark_jobs.storage import Storage

WHEN = {"raw_version"}  # and every column whose comment says that it is outside every comparison
POSTGRES = {
    "user_events": "user_id, item_id, event_type, timestamp, session_id, rating, price",
    "items": "item_id, name, category, brand, price",
    "pipeline.loaded_hours": "hour, rows, digest",
    "pipeline.item_days": "item_id, day, category, brand, price",
}


def digests(spark: SparkSession, warehouse: str, query: Callable[[str], list[tuple]]) -> dict[str, Any]:
    """Rows and digest of every table of the warehouse and of PostgreSQL."""
    storage = Storage(spark, warehouse)
    found = {}
    for table in tables.ALL:
        if table is tables.LEASES:
            continue
        outside = {field.name for field in table.fields if "outside every comparison" in field.comment} | WHEN
        frame = storage.read(table)
        row = F.xxhash64(F.to_json(F.struct(*(_plain(frame, n) for n in table.columns if n not in outside))))
        found[table.name] = tuple(frame.agg(F.count("*"), F.sum(row.cast("decimal(38,0)"))).first())
    present = {name for (name,) in query("SELECT schemaname || '.' || tablename FROM pg_tables")}
    for name, columns in POSTGRES.items():
        if (name if "." in name else f"public.{name}") in present:
            hashed = f"sum(hashtextextended(ROW({columns})::text, 0)::numeric)"
            found[f"PostgreSQL {name}"] = query(f"SELECT count(*), {hashed} FROM {name}")[0]
    return found


def _plain(frame, name: str) -> Column:
    kind = frame.schema[name].dataType
    if isinstance(kind, MapType):
        return F.array_sort(F.map_entries(name)).alias(name)
    return F.array_sort(name).alias(name) if isinstance(kind, ArrayType) else F.col(name)
