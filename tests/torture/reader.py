"""A reader in the background. It must see each hour either as it was before the run or as it is after it.
The same holds for the matrix with its index tables and for the features.

Delta is read only when its log has a new entry, because a reader cannot see a change between two entries.
"""

from contextlib import suppress

import psycopg2

from spark_jobs import tables
from spark_jobs.flow import list_written_tables
from tests.repeated import Poller
from tests.torture.digests import Hours
from tests.torture.stage import JOBS, Stage

EVERY_SECONDS = 0.5


class Reader(Poller):
    """Reads until the context ends; `wrong` lists everything that was neither the old nor the new state."""

    def __init__(self, stage: Stage, job: str):
        super().__init__(EVERY_SECONDS)
        self.stage, self.states = stage, stage.states[job]
        self.wrong: list[str] = []
        self.looked = 0
        self._log: set[str] = set()
        watched = list_written_tables(JOBS[job].writer) if "snapshots" in self.states else (tables.USER_EVENTS,)
        self._logs = [stage.here / "warehouse" / table.name / "_delta_log" for table in watched]

    def poll(self) -> None:
        """Compare what Delta and PostgreSQL show now with the two allowed states."""
        if (log := self._list_log_entries()) != self._log:
            self._compare("Delta", self.stage.hours_of_delta())
            if "snapshots" in self.states:
                self._compare("snapshots", self.stage.snapshots_of_delta())
            self._log = log
        with suppress(psycopg2.Error):  # a fault may have stopped the server
            self._compare("PostgreSQL", self.stage.hours_of_postgres())

    def _list_log_entries(self) -> set[str]:
        return {str(path) for log in self._logs for path in log.glob("*.json")}

    def _compare(self, where: str, seen: Hours) -> None:
        self.looked += 1
        for hour in {name for state in self.states[where] for name in state} | set(seen):
            if seen.get(hour) not in [state.get(hour) for state in self.states[where]]:
                self.wrong.append(f"{where}, {hour}: {seen.get(hour)}")
