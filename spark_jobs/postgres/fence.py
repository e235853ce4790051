"""The fence around PostgreSQL: only the latest attempt may write, as its lease shows.

The methods run statements on a cursor; loader.py opens the transactions.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from spark_jobs.coordination.lease import Lease
from spark_jobs.errors import SupersededError
from spark_jobs.postgres import ownership
from spark_jobs.postgres.ownership import Owner

END_EARLIER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database()
    AND CASE WHEN application_name LIKE %s THEN split_part(application_name, ' ', 3)::bigint < %s END
"""
CLAIM = """
INSERT INTO pipeline.leases (warehouse, epoch) VALUES (%s, %s)
ON CONFLICT (warehouse) DO UPDATE SET epoch = greatest(leases.epoch, excluded.epoch)
"""
# The share lock blocks a later attempt's CLAIM until the transaction that ran this query has ended.
LATEST = "SELECT 1 FROM pipeline.leases WHERE warehouse = %s AND epoch = %s FOR SHARE"


@dataclass(frozen=True)
class Fence:
    """The lease of a run, as PostgreSQL records it, and the warehouse that the lease belongs to.

    Without a lease (a reader), nothing is claimed. Without a warehouse (a test), everything is allowed.
    """

    lease: Lease | None
    warehouse: Owner | None = None

    @property
    def name(self) -> str:
        """Return the application name of the attempt's connections."""
        return f"pipeline {self.lease.warehouse} {self.lease.epoch}" if self.lease else "pipeline"

    def name_staging_table(self, table: str, day: date) -> str:
        """Return the staging table of a day, which only this attempt uses. Only digits are added to `table`."""
        return f"pipeline.{table}_{self.lease.epoch if self.lease else 0}_{day:%Y%m%d}"

    def end_earlier(self, cursor: Any) -> None:
        """End the connections of earlier attempts at the same warehouse, because a frozen one would keep its locks."""
        if self.lease:
            cursor.execute(END_EARLIER, (f"pipeline {self.lease.warehouse} %", self.lease.epoch))

    def claim(self, cursor: Any) -> Owner | None:
        """Claim the database for this warehouse, and record this attempt as the latest. A reader only checks the owner.

        Returns the warehouse that had released the database and whose rows were removed now; else None. Raises
        DatabaseError where the database belongs to another warehouse, SupersededError where a later attempt is known.
        """
        if not self.lease:
            self._check_owner(cursor)
            return None
        before = ownership.claim(cursor, self.warehouse or Owner(self.lease.warehouse))
        cursor.execute(CLAIM, (self.lease.warehouse, self.lease.epoch))
        self.check(cursor)
        return before

    def check(self, cursor: Any) -> None:
        """Raise SupersededError in a transaction of an attempt that is not the latest.

        Raises DatabaseError where the database was handed over to another warehouse in the meantime.
        """
        if not self.lease:
            return
        cursor.execute(LATEST, (self.lease.warehouse, self.lease.epoch))
        if cursor.fetchone() is None:
            self._check_owner(cursor)
            raise SupersededError(
                f"{self.lease.writer}: this attempt has been superseded by a later one; nothing more is written to "
                "PostgreSQL, and nothing is left to do here."
            )

    def _check_owner(self, cursor: Any) -> None:
        if self.warehouse:
            ownership.check(cursor, self.warehouse)
