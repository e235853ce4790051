"""Read each file once for its digest, header and records: a few small files on the driver, others on the executors."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from spark_jobs.sources import files
from spark_jobs.sources.files import Examined
from spark_jobs.sources.listing import Found

SMALL = 64 << 20  # bytes, for all files together
ASKED = "number INT, path STRING, prefixes ARRAY<BIGINT>, packed BOOLEAN"
FOUND = (
    "path STRING, refusal STRING, digest STRING, prefixes MAP<BIGINT, STRING>, content_bytes BIGINT, "
    "header ARRAY<STRING>, body_from BIGINT, records BIGINT, unfinished_from BIGINT, cuts ARRAY<BIGINT>"
)
TYPES = dict.fromkeys(("content_bytes", "body_from", "records", "unfinished_from"), pa.int64()) | {
    "prefixes": pa.map_(pa.int64(), pa.string()),
    "header": pa.list_(pa.string()),
    "cuts": pa.list_(pa.int64()),
}


def examine_files(
    spark: SparkSession, chosen: Collection[Found], prefixes: Mapping[str, Collection[int]]
) -> list[tuple[Found, Examined]]:
    """Examine each file in one pass. `prefixes`: for each path, the lengths in bytes of the prefixes to digest.

    On executors each file is a task, because its size does not predict how long a packed file takes.
    """
    refused = [(file, Examined(file.path, refusal=file.refusal)) for file in chosen if file.refusal]
    chosen = [file for file in chosen if not file.refusal]
    asked = [(file.path, sorted(prefixes.get(file.path, ())), files.is_packed(file.name)) for file in chosen]
    if sum(file.size for file in chosen) <= SMALL:
        return refused + [(file, files.examine(*each)) for file, each in zip(chosen, asked, strict=True)]
    rows = [(number, *each) for number, each in enumerate(asked)]
    frame = spark.createDataFrame(rows, ASKED).repartition(len(asked), "number")
    found = {row.path: row.asDict() for row in frame.mapInArrow(_examine, FOUND).collect()}
    return refused + [(file, _from_row(found[file.path])) for file in chosen]


def _examine(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            examined = asdict(files.examine(row["path"], row["prefixes"], row["packed"]))
            columns = {name: _plain(value) for name, value in examined.items()}
            yield pa.RecordBatch.from_pydict(
                {name: pa.array([value], TYPES.get(name, pa.string())) for name, value in columns.items()}
            )


def _plain(value: Any) -> Any:
    """Convert a value for Arrow."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(value) if isinstance(value, tuple) else value


def _from_row(row: dict[str, Any]) -> Examined:
    tuples = {field.name for field in fields(Examined) if str(field.type).startswith("tuple")}
    found: dict[str, Any] = {name: tuple(value) if name in tuples else value for name, value in row.items()}
    return Examined(**found)
