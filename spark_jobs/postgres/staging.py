"""Staging: executors COPY rows into tables of a day, and each row carries the attempt of the task that sent it.

A task may run again although its COPY is committed, because its executor was lost before it reported. So the rows of an
attempt count only if its report has arrived. Rows of any other attempt are never read, even if they are written later.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.coordination import failpoints
from spark_jobs.postgres import schema
from spark_jobs.postgres.connection import connect
from spark_jobs.postgres.errors import translate_errors
from spark_jobs.postgres.fence import Fence

REPORT = pa.schema([("attempt", pa.int64()), ("day", pa.date32()), ("rows", pa.int64()), ("digest", pa.int64())])
REPORTED = "attempt BIGINT, day DATE, rows BIGINT, digest BIGINT"


@dataclass(frozen=True)
class StagedRows:
    """What was sent to a staging table: the attempts that reported, their rows, and the sum of the rows' digests."""

    attempts: tuple[int, ...] = ()
    rows: int = 0
    digest: int = 0


def create(cursor: Any, fence: Fence, days: Sequence[date]) -> None:
    """Create the staging tables of these days."""
    for day in days:
        for table, columns in schema.STAGED.items():
            cursor.execute(
                f"CREATE UNLOGGED TABLE {fence.name_staging_table(table, day)} (attempt BIGINT NOT NULL, {columns}) "
                "WITH (autovacuum_enabled = false)"  # the table is dropped soon
            )


def drop(cursor: Any, fence: Fence) -> None:
    """Drop all staging tables, also those of killed attempts. End abandoned tasks that still lock the tables."""
    if fence.lease:
        cursor.execute(schema.END_COPIES, (f"{fence.name} ",))
    cursor.execute(schema.LEFT_OVER)
    if names := [row[0] for row in cursor.fetchall()]:
        cursor.execute(f"DROP TABLE {', '.join(names)}")


def create_views(cursor: Any, fence: Fence, day: date, events: StagedRows, items: StagedRows) -> None:
    """Create the views `staged_events` and `staged_items` of the day's rows that count, for this connection only."""
    for kind, columns, staged in (("events", schema.EVENTS, events), ("items", schema.ITEMS, items)):
        source = fence.name_staging_table(f"staging_{kind}", day)
        statement = schema.STAGED_VIEW.format(table=f"staged_{kind}", columns=", ".join(columns), source=source)
        cursor.execute(statement, (list(staged.attempts),))


def drop_views(cursor: Any) -> None:
    """Drop the views, because their tables could not be dropped while the server is still closing this connection."""
    cursor.execute("DROP VIEW staged_events, staged_items")


def copy(
    frame: DataFrame, address: str, fence: Fence, table: str, columns: Sequence[str], digest: Column | None = None
) -> dict[date, StagedRows]:
    """COPY a DataFrame into the staging tables of its days (`event_date`), each partition by its executor.

    `digest` is a number for each row, which Spark computes before the row is sent. One pass, no shuffle. Raises
    DatabaseError, whose text contains no password.
    """
    send = _make_sender(address, fence, table, columns)
    text = [frame[name].cast("string").alias(name) for name in columns]
    number = F.lit(0) if digest is None else digest
    frame_to_send = frame.select("event_date", *text, number.cast("bigint").alias("digest"))
    with translate_errors():
        reports = frame_to_send.mapInArrow(send, REPORTED).collect()
    found: dict[date, StagedRows] = {}
    for report in reports:
        known = found.get(report.day, StagedRows())
        attempts = (*known.attempts, report.attempt)
        found[report.day] = StagedRows(attempts, known.rows + report.rows, known.digest + report.digest)
    return found


def _make_sender(
    address: str, fence: Fence, table: str, columns: Sequence[str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function that sends a partition from its executor: one transaction, then a report for each day."""

    def send(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task = TaskContext.get()
        attempt = task.taskAttemptId() if task else 0
        counts_by_day: dict[date, list[int]] = {}
        with translate_errors(), closing(connect(address, f"{fence.name} {attempt}")) as connection:
            with connection, connection.cursor() as cursor:
                for batch in batches:
                    for day in pc.unique(batch["event_date"]).to_pylist():
                        of_day = batch.filter(pc.equal(batch["event_date"], day))
                        _copy_rows(cursor, fence.name_staging_table(table, day), columns, of_day, attempt)
                        counts = counts_by_day.setdefault(day, [0, 0])
                        counts[0] += of_day.num_rows
                        counts[1] += pc.sum(of_day["digest"]).as_py()
                        failpoints.reach("load.copy")
            if counts_by_day:
                failpoints.reach("load.copied")
        reports = [
            dict(zip(REPORT.names, (attempt, day, *counts), strict=True)) for day, counts in counts_by_day.items()
        ]
        yield pa.RecordBatch.from_pylist(reports, REPORT)

    return send


def _copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: pa.RecordBatch, attempt: int) -> None:
    with_attempt = rows.select(columns).append_column("attempt", pa.repeat(attempt, rows.num_rows))
    buffer = io.BytesIO()
    csv.write_csv(with_attempt, buffer, csv.WriteOptions(include_header=False))
    buffer.seek(0)
    cursor.copy_expert(f"COPY {table} ({', '.join(with_attempt.schema.names)}) FROM STDIN (FORMAT csv)", buffer)
