"""Somebody who reads all the time: each hour is seen as it was before the window or as it is after, never between.

Delta is read whenever its log has a new entry: between two entries a reader can only see what it saw before.
"""

import threading
from contextlib import suppress
from typing import Any

import psycopg2
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.storage import Storage
from tests.torture.stage import Stage

EVERY_SECONDS = 0.5
SQL = """
SELECT to_char(date_trunc('hour', timestamp), 'HH24'), count(*),
    sum(hashtextextended(ROW(user_id, item_id, event_type, timestamp, session_id, rating, price)::text, 0)::numeric)
FROM user_events GROUP BY 1
"""
COLUMNS = tables.USER_EVENTS.columns[:10]
Hours = dict[str, tuple]


def of_delta(stage: Stage) -> Hours:
    """Rows and digest of each hour of user_events in Delta."""
    events = Storage(stage.spark, str(stage.here / "warehouse")).read(tables.USER_EVENTS)
    row = F.sum(F.xxhash64(F.to_json(F.struct(*COLUMNS))).cast("decimal(38,0)"))
    hours = events.groupBy(F.date_format("timestamp", "HH").alias("hour")).agg(F.count("*").alias("n"), row.alias("d"))
    return {found.hour: (found.n, found.d) for found in hours.collect()}


def of_postgres(stage: Stage) -> Hours:
    """Rows and digest of each hour of user_events in PostgreSQL."""
    return {hour: tuple(rest) for hour, *rest in stage.server.query(SQL)}


class Reader:
    """Reads in a thread of its own until it is left; `wrong` are the hours that were neither old nor new."""

    def __init__(self, stage: Stage, states: dict[str, list[Hours]]):
        self.stage, self.states = stage, states
        self.wrong: list[str] = []
        self.looked = 0
        self._log: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            if (log := self._entries()) != self._log:
                self._look("Delta", of_delta(self.stage))
                self._log = log
            with suppress(psycopg2.Error):  # it may be gone, on purpose
                self._look("PostgreSQL", of_postgres(self.stage))

    def _entries(self) -> set[str]:
        log = self.stage.here / "warehouse" / tables.USER_EVENTS.name / "_delta_log"
        return {path.name for path in log.glob("*.json")}

    def _look(self, where: str, seen: Hours) -> None:
        self.looked += 1
        for hour in {name for state in self.states[where] for name in state} | set(seen):
            if seen.get(hour) not in [state.get(hour) for state in self.states[where]]:
                self.wrong.append(f"{where}, hour {hour}: {seen.get(hour)}")
