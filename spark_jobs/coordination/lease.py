"""Leases: each attempt of a writer takes the next number in the ledger, and only the latest attempt may commit.

Delta stores the number with each table, as the application id and version of a transaction. The table itself refuses a
commit of an earlier attempt, no matter when that attempt wakes. For PostgreSQL the number is checked within each
transaction.
"""

import socket
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from spark_jobs import tables
from spark_jobs.coordination.lock import Hold
from spark_jobs.delta.files import name_in_ascii
from spark_jobs.delta.log import CONFLICTS, NOTHING
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, LayoutError, SupersededError
from spark_jobs.flow import Writer, list_written_tables
from spark_jobs.ledger_rows import LeaseRow
from spark_jobs.observability import run_log
from spark_jobs.project import typed
from spark_jobs.session import now
from spark_jobs.windows import HOUR

AWAY = 6 * HOUR  # the longest time that a run may take (dags/pipeline_job.py)


@dataclass(frozen=True)
class Lease:
    """The right to write as one of the writers until another attempt takes the next number."""

    writer: str
    epoch: int
    warehouse: str

    def table_writer(self, storage: Storage) -> TableWriter:
        """Return the table writer that works under this lease."""
        return TableWriter(storage, self.writer, self.epoch)

    def row(self, host: str, taken_at: datetime) -> LeaseRow:
        """Return the row of `leases` that gives this lease to an attempt."""
        return {
            "part": self.writer,
            "epoch": self.epoch,
            "warehouse": self.warehouse,
            "host": host,
            "taken_at": taken_at,
            "layout": tables.LAYOUT,
        }


def take_leases(storage: Storage, holds: Iterable[Hold], upgrading: bool = False) -> dict[str, Lease]:
    """Take the leases of these writers in one commit, and return them by writer name.

    The previous attempt may still be alive if it did not release its lock or ran on another machine. Every table of its
    writer is then closed to it before this function returns. Raises BusyError where another attempt takes a lease at
    the same moment, and where another machine wrote to the same S3 warehouse recently. Raises LayoutError where the
    tables have the layout of another version of the project.
    """
    name_in_ascii(storage, tables.LEASES)  # before anyone reads the leases
    holds = list(holds)
    before = {row["part"]: row for row in storage.rows(tables.LEASES)}
    if (found := find_layout(storage, before.values())) < tables.LAYOUT and not upgrading:
        raise LayoutError(
            f"{storage.warehouse}: its tables are of layout {found}, but this version of the project writes layout "
            f"{tables.LAYOUT}: run {typed('upgrade')} once."
        )
    warehouse = next((row["warehouse"] for row in before.values()), uuid.uuid4().hex[:12])
    last = {name: row["epoch"] for name, row in before.items()}
    leases = {each.writer: Lease(each.writer, _choose_epoch(last.get(each.writer, 0)), warehouse) for each in holds}
    host, remote = socket.gethostname(), "://" in storage.warehouse  # there the lock covers this machine only
    _require_one_machine(storage, before.values(), host)
    taken_at, epochs = now(), {writer: lease.epoch for writer, lease in leases.items()}
    rows = [each.row(host, taken_at) for each in leases.values()]
    # No other writer may take the very first lease at the same time: the warehouse gets its random id with it.
    seen = {name: last.get(name, NOTHING) for name in (leases if before else Writer)}
    hosts = {name: row["host"] for name, row in before.items()}
    for hold in holds:
        hold.unclean |= remote and hosts.get(hold.writer, host) != host
    try:
        storage.row_table(tables.LEASES).commit(epochs, rows, epochs, seen=seen)
    except (*CONFLICTS, SupersededError) as error:
        raise BusyError(f"{storage.warehouse}: another run starts at this moment; run this again.") from error
    for hold in holds:
        if hold.unclean:
            _seal_tables(storage, leases[hold.writer])
        hold.unclean = False
        run_log.LOGGER.info("lease taken", extra=run_log.facts(writer=hold.writer, number=leases[hold.writer].epoch))
    return leases


def _seal_tables(storage: Storage, lease: Lease) -> None:
    """Close every table of the writer to its earlier attempts."""
    writer = lease.table_writer(storage)
    for table in list_written_tables(Writer(lease.writer)):
        writer.seal(table)


def warehouse_name(storage: Storage) -> str | None:
    """Return the id of the warehouse; None before its first lease. The id is random and never changes."""
    return (
        next((row["warehouse"] for row in storage.rows(tables.LEASES)), None) if storage.exists(tables.LEASES) else None
    )


def _require_one_machine(storage: Storage, before: Iterable[LeaseRow], host: str) -> None:
    """Raise BusyError where another machine recently wrote to a warehouse on S3.

    There Delta's own log store separates only the writers of one machine: two machines would lose commits. Nothing is
    checked where a log store for several writers is set.
    """
    scheme = storage.warehouse.partition("://")[0]
    log_store = storage.spark.conf.get(f"spark.delta.logStore.{scheme}.impl", "SingleDriver")
    if scheme not in ("s3", "s3a", "s3n") or "SingleDriver" not in (log_store or ""):
        return
    for row in before:
        if row["host"] != host and now() - row["taken_at"] < AWAY:
            raise BusyError(
                f"{storage.warehouse}: {row['host']} wrote here at {row['taken_at']:%Y-%m-%d %H:%M} UTC, and on S3 "
                f"only one machine may write: run this on that machine, wait {AWAY // HOUR} hours, or set a log store "
                "for several writers (docs/how-to/s3.md)."
            )


def find_layout(storage: Storage, rows: Iterable[LeaseRow]) -> int:
    """Return the version of the tables' layout from the rows of `leases`; the current version where there are no rows.

    Raises LayoutError where it is later than this project's.
    """
    oldest = min((row["layout"] or 1 for row in rows), default=tables.LAYOUT)
    if oldest > tables.LAYOUT:
        raise LayoutError(
            f"{storage.warehouse}: its tables are of layout {oldest}, written by a later version of this project, but "
            f"this version knows only layout {tables.LAYOUT}: run the later version."
        )
    return oldest


def _choose_epoch(epoch: int) -> int:
    """Return a number above `epoch`: the seconds since 1970, or one more than the last number.

    It also rises where the warehouse was restored to an earlier state and the database was not.
    """
    return max(epoch + 1, int(time.time()))
