"""The ledger: reads and writes of landed_files, hour_status, day_builds and day_status. Small tables, no event rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.session import now
from spark_jobs.storage import Storage
from spark_jobs.transforms.days import day_inputs, day_status
from spark_jobs.transforms.hours import landed_units, with_status
from spark_jobs.windows import HOUR, Window, name


@dataclass(frozen=True)
class Unit:
    """An hour (or a file's undated rows): what landed and what the ledger says of it. `status` None: never judged."""

    unit: str
    hour: datetime | None
    file_id: int | None
    landed_rows: int
    landed_digest: str
    status: str | None
    valid_rows: int
    rejected_rows: int
    content_digest: str | None
    dirty: bool


class Ledger:
    """What landed, what was judged, what was loaded, what was built."""

    def __init__(self, storage: Storage):
        self.storage = storage

    def files(self) -> list[dict[str, Any]]:
        """All rows of landed_files, by file_id."""
        rows = self.storage.read(tables.LANDED_FILES).orderBy("file_id").collect()
        return [row.asDict(recursive=True) for row in rows]

    def headers(self) -> dict[int, list[str]]:
        """The header of each landed file, as our column names."""
        files = self.storage.read(tables.LANDED_FILES).where("header IS NOT NULL").select("file_id", "header")
        return {row.file_id: row.header for row in files.collect()}

    def states(self) -> DataFrame:
        """Every unit that landed or was judged, as a DataFrame."""
        landed = landed_units(self.storage.read(tables.LANDED_FILES))
        return with_status(landed, self.storage.read(tables.HOUR_STATUS))

    def units(self, where: str) -> list[Unit]:
        """The units that `where` (SQL over `states`) names, in order of time."""
        chosen = self.states().where(where).orderBy("hour", "unit").collect()
        return [
            Unit(
                unit=row.unit,
                hour=row.hour,
                file_id=row.file_id,
                landed_rows=row.landed_rows,
                landed_digest=row.landed_digest,
                status=row.status,
                valid_rows=row.valid_rows or 0,
                rejected_rows=row.rejected_rows or 0,
                content_digest=row.content_digest,
                dirty=row.dirty,
            )
            for row in chosen
        ]

    def landed_span(self, until: datetime) -> tuple[datetime, datetime] | None:
        """The first hour that landed, and the latest that is not later than `until`; None when there is none."""
        span = self.states().where("hour IS NOT NULL AND landed_rows > 0").where(F.col("hour") <= F.lit(until))
        first, last = span.agg(F.min("hour"), F.max("hour")).first()
        return (first, last) if first else None

    def record_hours(self, rows: Iterable[dict[str, Any]]) -> None:
        """Writes ledger rows of hours; what a row leaves out gets its neutral value."""
        neutral = {
            "raw_rows": 0,
            "raw_digest": "0:0:0",
            "valid_rows": 0,
            "rejected_rows": 0,
            "reasons": {},
            "content_digest": "0:0:0",
            "warnings": [],
            "updated_at": now(),
        }
        rows = [neutral | row for row in rows]
        if rows:
            self.storage.merge(tables.HOUR_STATUS, self.storage.frame(tables.HOUR_STATUS, rows))

    def mark_loaded(self, units: Iterable[str]) -> None:
        """Says of committed units that PostgreSQL has them too; a unit without any row becomes empty."""
        units = list(units)
        if units:
            rows = self.storage.read(tables.HOUR_STATUS).where(F.col("unit").isin(units))
            empty = F.col("valid_rows") + F.col("rejected_rows") == 0
            status = F.when(empty, F.lit("empty")).otherwise(F.lit("loaded"))
            changed = rows.withColumn("status", status).withColumn("updated_at", F.lit(now()))
            self.storage.merge(tables.HOUR_STATUS, changed)

    def days(self) -> DataFrame:
        """Each day with committed content: its rows and the digest that a build of it starts from."""
        return day_inputs(self.storage.read(tables.HOUR_STATUS))

    def builds(self, step: str) -> dict[datetime, dict[str, Any]]:
        """What `step` last did, by day (midnight, UTC)."""
        rows = self.storage.read(tables.DAY_BUILDS).where(F.col("step") == step).collect()
        return {datetime.combine(row.day, datetime.min.time()): row.asDict(recursive=True) for row in rows}

    def record_builds(self, step: str, rows: Iterable[dict[str, Any]]) -> None:
        """Writes what a step did for each day (key `day`: a date)."""
        rows = [{"step": step, "built_at": now(), "counts": {}} | row for row in rows]
        if rows:
            self.storage.merge(tables.DAY_BUILDS, self.storage.frame(tables.DAY_BUILDS, rows))

    def refresh_days(self) -> None:
        """Derives day_status anew from hour_status and day_builds; writes only where something changed."""
        table = tables.DAY_STATUS
        fresh = table.conform(day_status(self.states(), self.storage.read(tables.DAY_BUILDS))).collect()
        old = self.storage.read(table).collect()
        if set(fresh) != set(old):
            gone = {row.day for row in old} - {row.day for row in fresh}
            rows = self.storage.frame(table, (row.asDict() for row in fresh if gone or row not in set(old)))
            if gone:
                self.storage.replace(table, rows, None)
            else:
                self.storage.merge(table, rows)


def in_window(window: Window) -> str:
    """SQL over `states` that names the hours of a window."""
    return f"(hour >= TIMESTAMP '{window.start}' AND hour < TIMESTAMP '{window.end}')"


def unit_name(hour: datetime) -> str:
    """The ledger's key of an hour."""
    return name(hour, HOUR)
