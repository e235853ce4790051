"""A year of hourly runs, simulated in the logs only: what stays bounded and what grows with the days.

The log entries equal those of the jobs, but there are no data files. Delta writes its checkpoints and removes old
entries on a simulated clock.
"""

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
from tests.unfenced import unfenced_writer

START = datetime(2019, 1, 1, tzinfo=UTC)
SHOWN = (30, 90, 180, 365)
CHECKPOINT_DAYS = 30  # the jobs' tables have one every 20 commits; the final state is the same
BYTES = 1_500_000  # size of an hour's file in the entries; no such file exists


def measure(scratch: Path) -> dict[str, dict[int, FileUsage]]:
    """Measure the files of each table after the days in SHOWN."""
    spark = spark_session("year", **{"spark.master": "local[2]", "spark.sql.shuffle.partitions": "1"})
    storage = Storage(spark, str(scratch / "warehouse"))
    found = {}
    for table, entries_of_day in ((tables.USER_EVENTS, _event_entries), (tables.HOUR_STATUS, _ledger_entries)):
        unfenced_writer(storage).create(table)
        log = _Log(spark, Path(storage.path(table)))
        found[table.name] = {}
        for day in range(1, SHOWN[-1] + 1):
            log.write(entries_of_day(day), START + timedelta(days=day))
            if day % CHECKPOINT_DAYS == 0 or day in SHOWN:
                log.checkpoint()
            if day in SHOWN:
                found[table.name][day] = measure_files(storage, table)
    spark.stop()
    return found


def build_table(found: dict[str, dict[int, FileUsage]]) -> Printed:
    """Build a table with a line for each table and day."""
    table = Printed(title="a year of hourly runs, in metadata", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("table", "days", "live files", "log entries", "latest checkpoint, kB"):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    for name, days in found.items():
        for day, usage in days.items():
            size = f"{usage.checkpoint_bytes / 1000:,.0f}"
            table.add_row(name, str(day), f"{usage.files:,}", f"{usage.log_entries:,}", size)
    return table


class _Log:
    """The log of a table that nothing else writes, with its own clock."""

    def __init__(self, spark: SparkSession, path: Path):
        self.folder, self.version, self.no_option = path / "_delta_log", count(1), spark._jvm.scala.Option.empty()
        start = int(START.timestamp() * 1000)
        self.clock = spark._jvm.org.apache.spark.util.ManualClock(start)
        delta = spark._jvm.org.apache.spark.sql.delta.DeltaLog
        delta.clearCache()
        self.log = delta.forTable(spark._jsparkSession, spark._jvm.org.apache.hadoop.fs.Path(str(path)), self.clock)
        self._date_files(start / 1000)

    def write(self, commits: Iterator[list[dict[str, Any]]], now: datetime) -> None:
        """Write the entries of a day; the last one is dated `now`."""
        self.now, entries = now.timestamp(), list(commits)
        for number, actions in enumerate(entries, 1):
            stamp = (now - DAY + number * DAY / len(entries)).timestamp()
            path = self.folder / f"{next(self.version):020d}.json"
            info = {"commitInfo": {"timestamp": int(stamp * 1000), "operation": "WRITE", "operationParameters": {}}}
            path.write_text("".join(json.dumps(action) + "\n" for action in [info, *actions]))
            os.utime(path, (stamp, stamp))

    def checkpoint(self) -> None:
        """Write a checkpoint, after which Delta removes the entries that are older than the retention time."""
        self.clock.setTime(int(self.now * 1000))
        self.log.update(False, self.no_option, self.no_option)
        self.log.checkpoint()
        self._date_files(self.now)

    def _date_files(self, now: float) -> None:
        """Date the files that Delta wrote to `now` of this clock: Delta removes no file after one with a later date."""
        for path in self.folder.iterdir():
            if path.stat().st_mtime > now + 1:
                os.utime(path, (now, now))


def _event_entries(day: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries of a day of events: a file each hour, compacted to one file after the day."""
    date = f"{START + timedelta(days=day - 1):%Y-%m-%d}"
    names = [f"event_date={date}/{hour:02}.parquet" for hour in range(24)]
    for name in names:
        yield [_add_entry(name, {"event_date": date}, day)]
    removed = [_remove_entry(name, {"event_date": date}, day) for name in names]
    yield [*removed, _add_entry(f"event_date={date}/day.parquet", {"event_date": date}, day)]


def _ledger_entries(day: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries of a day of the ledger: the month's file is rewritten twice an hour, by validation and load."""
    date = START + timedelta(days=day - 1)
    month = {"month": f"{date:%Y-%m}"}
    for number in range(48):
        removals = (
            []
            if (date.day, number) == (1, 0)
            else [_remove_entry(_ledger_path(month, date.day, number - 1), month, day)]
        )
        yield [*removals, _add_entry(_ledger_path(month, date.day, number), month, day)]


def _ledger_path(month: dict[str, str], day: int, number: int) -> str:
    number_in_month = (day - 1) * 48 + number
    return f"month={month['month']}/{number_in_month:05}.parquet"


def _add_entry(path: str, partition: dict[str, str], day: int) -> dict[str, Any]:
    return {
        "add": _file_fields(path, partition, "modificationTime", day) | {"stats": json.dumps({"numRecords": 60_000})}
    }


def _remove_entry(path: str, partition: dict[str, str], day: int) -> dict[str, Any]:
    return {"remove": _file_fields(path, partition, "deletionTimestamp", day) | {"extendedFileMetadata": True}}


def _file_fields(path: str, partition: dict[str, str], time: str, day: int) -> dict[str, Any]:
    """Return the fields that both kinds of entry share; `time` is the name of the timestamp field."""
    stamp = int((START + timedelta(days=day)).timestamp() * 1000)
    return {"path": path, "partitionValues": partition, "size": BYTES, time: stamp, "dataChange": True}
