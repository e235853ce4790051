"""Read each file once for its digest, header and records: a few small files on the driver, others on the executors."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from spark_jobs.sources import files
from spark_jobs.sources.files import ExaminedFile
from spark_jobs.sources.listing import ListedFile

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
    spark: SparkSession, listed: Collection[ListedFile], prefixes: Mapping[str, Collection[int]]
) -> list[tuple[ListedFile, ExaminedFile]]:
    """Examine each file in one pass. `prefixes`: for each path, the lengths in bytes of the prefixes to digest.

    On executors each file is a task, because its size does not predict how long a packed file takes.
    """
    refused = [(file, ExaminedFile(file.path, refusal=file.refusal)) for file in listed if file.refusal]
    listed = [file for file in listed if not file.refusal]
    requests = [(file.path, sorted(prefixes.get(file.path, ())), files.is_packed(file.name)) for file in listed]
    if sum(file.size for file in listed) <= SMALL:
        return refused + [(file, files.examine(*each)) for file, each in zip(listed, requests, strict=True)]
    rows = [(number, *each) for number, each in enumerate(requests)]
    frame = spark.createDataFrame(rows, ASKED).repartition(len(requests), "number")
    found = {row.path: row.asDict() for row in frame.mapInArrow(_examine_batches, FOUND).collect()}
    return refused + [(file, _to_examined(found[file.path])) for file in listed]


def _examine_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            examined = asdict(files.examine(row["path"], row["prefixes"], row["packed"]))
            columns = {name: _to_arrow_value(value) for name, value in examined.items()}
            yield pa.RecordBatch.from_pydict(
                {name: pa.array([value], TYPES.get(name, pa.string())) for name, value in columns.items()}
            )


def _to_arrow_value(value: Any) -> Any:
    """Convert a value for Arrow."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(value) if isinstance(value, tuple) else value


def _to_examined(row: dict[str, Any]) -> ExaminedFile:
    tuples = {field.name for field in fields(ExaminedFile) if str(field.type).startswith("tuple")}
    found: dict[str, Any] = {name: tuple(value) if name in tuples else value for name, value in row.items()}
    return ExaminedFile(**found)
