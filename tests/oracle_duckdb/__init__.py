"""An oracle for the whole pipeline, written from the spec alone: Python validates the rows, DuckDB builds the tables.

It shares no code with the jobs. It reads the raw files and returns every table as Arrow.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.oracle_duckdb import tables
from tests.oracle_duckdb.reader import read_records
from tests.oracle_duckdb.rows import validate_row

RAW = pa.schema(
    {
        "hour": pa.timestamp("us"),
        "file_name": pa.string(),
        "reasons": pa.list_(pa.string()),
        "raw_text": pa.string(),
        "user_id": pa.int64(),
        "item_id": pa.int64(),
        "event_type": pa.string(),
        "timestamp": pa.timestamp("us"),
        "session_id": pa.string(),
        "rating": pa.decimal128(10, 2),
        "price": pa.decimal128(10, 2),
        "category_id": pa.int64(),
        "category_code": pa.string(),
        "brand": pa.string(),
    }
)


@dataclass(frozen=True)
class Oracle:
    """The expected content of each table of the pipeline; the order of the rows does not matter."""

    raw_counts: dict[datetime | None, int]
    stopped_hours: list[datetime]
    user_events: pa.Table
    rejected_events: pa.Table
    deduped_events: pa.Table
    cleaned_events: pa.Table
    user_item_matrix: pa.Table
    user_features: pa.Table
    item_features: pa.Table
    items: pa.Table


def compute(
    csv_files: Collection[Path],
    *,
    exempt: Collection[str] = frozenset(),
    accept: bool = False,
    weights: Mapping[str, str] = tables.WEIGHTS,
) -> Oracle:
    """Compute all tables from these files. Raises ValueError if landing would refuse one of the files.

    `exempt` types are not deduplicated, `accept` admits hours with many rejected rows, `weights` has a decimal text
    for each event type.
    """
    raw_rows = pa.Table.from_pylist(list(_raw_rows(csv_files)), schema=RAW)
    with duckdb.connect(config={"threads": 2}) as db:
        db.register("raw_rows", raw_rows)
        db.execute(tables.MACROS)
        db.execute(tables.weight_macro(weights))
        db.execute(tables.STOPPED, {"accept": accept})
        db.execute(tables.USER_EVENTS)
        db.execute(tables.REJECTED)
        db.execute(tables.DEDUPED, {"exempt": sorted(exempt)})
        for sql in (tables.CLEANED, tables.MATRIX, tables.USER_FEATURES, tables.ITEM_FEATURES, tables.ITEMS):
            db.execute(sql)
        return Oracle(
            raw_counts=dict(db.execute("SELECT hour, count(*) FROM raw_rows GROUP BY hour").fetchall()),
            stopped_hours=[hour for (hour,) in db.execute("FROM stopped ORDER BY hour").fetchall()],
            **{
                name: db.table(name).to_arrow_table()
                for name in Oracle.__dataclass_fields__
                if name not in ("raw_counts", "stopped_hours")
            },
        )


def _raw_rows(csv_files: Collection[Path]) -> Iterator[dict]:
    """Yield every raw row with its reasons for rejection; skip a file with the same bytes as an earlier one."""
    seen: set[bytes] = set()
    for path in map(Path, csv_files):
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest in seen:
            continue
        seen.add(digest)
        for record in read_records(path):
            event, reasons = validate_row(record.fields)
            moment = event.get("timestamp")
            hour = moment and moment.replace(minute=0, second=0, microsecond=0)
            yield event | {"hour": hour, "file_name": path.name, "reasons": reasons, "raw_text": record.text}
