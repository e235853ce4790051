"""Somebody who reads all the time: each hour is seen as it was before the window or as it is after, never between.
So are the matrix with its index tables, and the features.

Delta is read whenever its log has a new entry: between two entries a reader can only see what it saw before.
"""

from contextlib import suppress

import psycopg2

from spark_jobs import tables
from spark_jobs.flow import written_by
from tests.repeated import Repeated
from tests.torture.digests import Hours
from tests.torture.stage import JOBS, Stage

EVERY_SECONDS = 0.5


class Reader(Repeated):
    """Reads until it is left; `wrong` is what was neither old nor new."""

    def __init__(self, stage: Stage, job: str):
        super().__init__(EVERY_SECONDS)
        self.stage, self.states = stage, stage.states[job]
        self.wrong: list[str] = []
        self.looked = 0
        self._log: set[str] = set()
        watched = written_by(JOBS[job].writer) if "snapshots" in self.states else (tables.USER_EVENTS,)
        self._logs = [stage.here / "warehouse" / table.name / "_delta_log" for table in watched]

    def look(self) -> None:
        """Compares what Delta and PostgreSQL show now."""
        if (log := self._entries()) != self._log:
            self._compare("Delta", self.stage.hours_of_delta())
            if "snapshots" in self.states:
                self._compare("snapshots", self.stage.snapshots_of_delta())
            self._log = log
        with suppress(psycopg2.Error):  # it may be gone, on purpose
            self._compare("PostgreSQL", self.stage.hours_of_postgres())

    def _entries(self) -> set[str]:
        return {str(path) for log in self._logs for path in log.glob("*.json")}

    def _compare(self, where: str, seen: Hours) -> None:
        self.looked += 1
        for hour in {name for state in self.states[where] for name in state} | set(seen):
            if seen.get(hour) not in [state.get(hour) for state in self.states[where]]:
                self.wrong.append(f"{where}, {hour}: {seen.get(hour)}")
