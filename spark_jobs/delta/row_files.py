"""Conversion of the rows of small tables in the driver: plain values to Parquet files and back."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import to_arrow_schema

from spark_jobs.delta.schema import schema
from spark_jobs.ledger_rows import Row, RowT
from spark_jobs.tables import LedgerTable, Table


def to_parquet(table: Table, rows: Iterable[Row]) -> bytes:
    """Return the rows as a Parquet file without the partition column.

    Raises ValueError where a required value is missing.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), _derive_file_schema(table)), sink, compression="snappy")
    return bytes(sink.getvalue().to_pybytes())


def from_parquet(table: LedgerTable[RowT], content: bytes, partition: Mapping[str, str]) -> list[RowT]:
    """Return the rows of a Parquet file of the table, with the values of its partition."""
    return to_rows(table, pq.read_table(pa.BufferReader(content), partitioning=None), partition)


def to_rows(table: LedgerTable[RowT], found: pa.Table, partition: Mapping[str, str]) -> list[RowT]:
    """Return Arrow rows as plain values. Times are naive and in UTC. `partition`: values that `found` does not have."""
    naive = pa.schema(_make_field_naive(field) for field in found.schema)
    rows = found.cast(naive).to_pylist(maps_as_pydicts="strict")
    return [table.complete({**row, **partition}) for row in rows]


def _derive_file_schema(table: Table) -> pa.Schema:
    """Return the schema of a data file: all columns except the partition column."""
    arrow = to_arrow_schema(schema(table), timestamp_utc=True)
    required = set(table.required)
    return pa.schema(
        field.with_nullable(field.name not in required) for field in arrow if field.name != table.partition
    )


def _make_field_naive(field: pa.Field) -> pa.Field:
    return field.with_type(_make_type_naive(field.type))


def _make_type_naive(kind: pa.DataType) -> pa.DataType:
    """Return the type with timestamps that have no time zone, so that Python gets naive datetimes."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_list(kind):
        return pa.list_(_make_field_naive(kind.value_field))
    return pa.struct([_make_field_naive(field) for field in kind]) if pa.types.is_struct(kind) else kind
