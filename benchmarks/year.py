"""A year of hourly runs in metadata: log entries as the jobs write them, without the data files; Delta's checkpoints
and its removal of old entries, on a clock that is turned. What stays bounded, and what grows with the days."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from rich import box
from rich.table import Table as Printed

from spark_jobs import tables
from spark_jobs.delta.files import FileUsage, measure_files
from spark_jobs.delta.storage import Storage
from spark_jobs.session import spark_session
from spark_jobs.windows import DAY
from tests.unfenced import unfenced

START = datetime(2019, 1, 1, tzinfo=UTC)
SHOWN = (30, 90, 180, 365)
CHECKPOINT_DAYS = 30  # the jobs' tables have one every 20 commits; what is left at the end is the same
BYTES = 1_500_000  # of an hour's file; nobody reads it


def measured(scratch: Path) -> dict[str, dict[int, FileUsage]]:
    """For each table what it takes after so many days."""
    spark = spark_session("year", **{"spark.master": "local[2]", "spark.sql.shuffle.partitions": "1"})
    storage = Storage(spark, str(scratch / "warehouse"))
    found = {}
    for table, of_a_day in ((tables.USER_EVENTS, _events), (tables.HOUR_STATUS, _ledger)):
        unfenced(storage).create(table)
        log = _Log(spark, Path(storage.path(table)))
        found[table.name] = {}
        for day in range(1, SHOWN[-1] + 1):
            log.write(of_a_day(day), START + timedelta(days=day))
            if day % CHECKPOINT_DAYS == 0 or day in SHOWN:
                log.checkpoint()
            if day in SHOWN:
                found[table.name][day] = measure_files(storage, table)
    spark.stop()
    return found


def told(found: dict[str, dict[int, FileUsage]]) -> Printed:
    """A line for each table and moment."""
    table = Printed(title="a year of hourly runs, in metadata", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("table", "days", "live files", "log entries", "latest checkpoint, kB"):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    for name, days in found.items():
        for day, one in days.items():
            size = f"{one.checkpoint_bytes / 1000:,.0f}"
            table.add_row(name, str(day), f"{one.files:,}", f"{one.log_entries:,}", size)
    return table


class _Log:
    """The log of a table that nobody else writes, on a clock of its own."""

    def __init__(self, spark: SparkSession, path: Path):
        self.folder, self.version, self.anew = path / "_delta_log", count(1), spark._jvm.scala.Option.empty()
        start = int(START.timestamp() * 1000)
        self.clock = spark._jvm.org.apache.spark.util.ManualClock(start)
        delta = spark._jvm.org.apache.spark.sql.delta.DeltaLog
        delta.clearCache()
        self.log = delta.forTable(spark._jsparkSession, spark._jvm.org.apache.hadoop.fs.Path(str(path)), self.clock)
        self._dated(start / 1000)

    def write(self, commits: Iterator[list[dict[str, Any]]], now: datetime) -> None:
        """A day's entries, the last of them `now`."""
        self.now, entries = now.timestamp(), list(commits)
        for number, actions in enumerate(entries, 1):
            stamp = (now - DAY + number * DAY / len(entries)).timestamp()
            path = self.folder / f"{next(self.version):020d}.json"
            info = {"commitInfo": {"timestamp": int(stamp * 1000), "operation": "WRITE", "operationParameters": {}}}
            path.write_text("".join(json.dumps(action) + "\n" for action in [info, *actions]))
            os.utime(path, (stamp, stamp))

    def checkpoint(self) -> None:
        """A checkpoint of what is there now, after which Delta removes what is older than it keeps."""
        self.clock.setTime(int(self.now * 1000))
        self.log.update(False, self.anew, self.anew)
        self.log.checkpoint()
        self._dated(self.now)

    def _dated(self, now: float) -> None:
        """What Delta wrote itself was written now by this clock. One file from later, and it removes none after it."""
        for path in self.folder.iterdir():
            if path.stat().st_mtime > now + 1:
                os.utime(path, (now, now))


def _events(day: int) -> Iterator[list[dict[str, Any]]]:
    """A file each hour, joined to one when the day has ended."""
    date = f"{START + timedelta(days=day - 1):%Y-%m-%d}"
    names = [f"event_date={date}/{hour:02}.parquet" for hour in range(24)]
    for name in names:
        yield [_add(name, {"event_date": date}, day)]
    joined = [_remove(name, {"event_date": date}, day) for name in names]
    yield [*joined, _add(f"event_date={date}/day.parquet", {"event_date": date}, day)]


def _ledger(day: int) -> Iterator[list[dict[str, Any]]]:
    """The month's file made anew twice an hour: judged, loaded."""
    date = START + timedelta(days=day - 1)
    month = {"month": f"{date:%Y-%m}"}
    for number in range(48):
        before = [] if (date.day, number) == (1, 0) else [_remove(_named(month, date.day, number - 1), month, day)]
        yield [*before, _add(_named(month, date.day, number), month, day)]


def _named(month: dict[str, str], day: int, number: int) -> str:
    at = (day - 1) * 48 + number
    return f"month={month['month']}/{at:05}.parquet"


def _add(path: str, partition: dict[str, str], day: int) -> dict[str, Any]:
    return {"add": _file(path, partition, "modificationTime", day) | {"stats": json.dumps({"numRecords": 60_000})}}


def _remove(path: str, partition: dict[str, str], day: int) -> dict[str, Any]:
    return {"remove": _file(path, partition, "deletionTimestamp", day) | {"extendedFileMetadata": True}}


def _file(path: str, partition: dict[str, str], time: str, day: int) -> dict[str, Any]:
    """What both kinds of entry say of a file; `time` is the name that its moment has there."""
    stamp = int((START + timedelta(days=day)).timestamp() * 1000)
    return {"path": path, "partitionValues": partition, "size": BYTES, time: stamp, "dataChange": True}
