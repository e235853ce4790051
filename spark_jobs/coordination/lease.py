"""Leases: each attempt of a writer takes the next number in the ledger, and only the latest may commit.

Delta keeps the number with each table (a transaction's application id and version): a commit of an earlier attempt is
refused by the table itself, whenever that attempt wakes. PostgreSQL is asked within each transaction.
"""

import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs import tables
from spark_jobs.coordination.lock import Hold
from spark_jobs.delta.files import name_in_ascii
from spark_jobs.delta.log import CONFLICTS, NOTHING
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import BusyError, LayoutError, SupersededError
from spark_jobs.flow import Writer, written_by
from spark_jobs.session import now
from spark_jobs.windows import HOUR

AWAY = 6 * HOUR  # as long as a run may take (dags/pipeline_job.py)


@dataclass(frozen=True)
class Lease:
    """The right to write as one of the writers until another attempt takes the next number."""

    writer: str
    epoch: int
    warehouse: str

    def table_writer(self, storage: Storage) -> TableWriter:
        """What writes the tables under this lease."""
        return TableWriter(storage, self.writer, self.epoch)


def take_leases(storage: Storage, holds: Iterable[Hold], upgrading: bool = False) -> dict[str, Lease]:
    """The leases of these writers, in one commit.

    If the attempt before may still be alive (it did not end by itself, or ran on another machine), every table of its
    writer is closed to it before this returns. Raises BusyError where another attempt takes one at the same moment,
    LayoutError where the tables are of another version of the project.
    """
    name_in_ascii(storage, tables.LEASES)  # before anybody reads them
    holds = list(holds)
    before = {row["part"]: row for row in storage.rows(tables.LEASES)}
    if (found := find_layout(storage, before.values())) < tables.LAYOUT and not upgrading:
        raise LayoutError(
            f"{storage.warehouse}: its tables are of layout {found}, and this version of the project writes "
            f"{tables.LAYOUT}: run make upgrade once."
        )
    warehouse = next((row["warehouse"] for row in before.values()), uuid.uuid4().hex[:12])
    last = {name: row["epoch"] for name, row in before.items()}
    leases = {hold.writer: Lease(hold.writer, _next(last.get(hold.writer, 0)), warehouse) for hold in holds}
    host, remote = socket.gethostname(), "://" in storage.warehouse  # there the lock knows of this machine only
    _one_machine(storage, before.values(), host)
    mark = {"host": host, "taken_at": now(), "layout": tables.LAYOUT}
    rows = [{"part": each.writer, "epoch": each.epoch, "warehouse": warehouse} | mark for each in leases.values()]
    epochs = {writer: lease.epoch for writer, lease in leases.items()}
    # Before the first lease of all, nobody else may take one meanwhile: the name of the warehouse is drawn with it.
    seen = {name: last.get(name, NOTHING) for name in (leases if before else Writer)}
    for hold in holds:
        hold.unclean |= remote and before.get(hold.writer, {"host": host})["host"] != host
    try:
        storage.row_table(tables.LEASES).commit(epochs, rows, epochs, seen=seen)
    except (*CONFLICTS, SupersededError) as error:
        raise BusyError(f"{storage.warehouse}: another run starts at this moment; run this again.") from error
    for hold in holds:
        if hold.unclean:
            _seal(storage, leases[hold.writer])
        hold.unclean = False
    return leases


def _seal(storage: Storage, lease: Lease) -> None:
    """Close every table of the writer to its earlier attempts."""
    writer = lease.table_writer(storage)
    for table in written_by(Writer(lease.writer)):
        writer.seal(table)


def warehouse_name(storage: Storage) -> str | None:
    """Return the id of the warehouse, which was drawn once and does not change; None before its first lease."""
    return (
        next((row["warehouse"] for row in storage.rows(tables.LEASES)), None) if storage.exists(tables.LEASES) else None
    )


def _one_machine(storage: Storage, before: Iterable[Mapping[str, Any]], host: str) -> None:
    """On S3 Delta's own log store keeps the writers of one machine apart, no others: two would lose commits.

    Raises BusyError where another machine wrote there lately, unless a log store for several writers is set.
    """
    scheme = storage.warehouse.partition("://")[0]
    chosen = storage.spark.conf.get(f"spark.delta.logStore.{scheme}.impl", "SingleDriver")
    if scheme not in ("s3", "s3a", "s3n") or "SingleDriver" not in chosen:
        return
    for row in before:
        if row["host"] != host and now() - row["taken_at"] < AWAY:
            raise BusyError(
                f"{storage.warehouse}: {row['host']} wrote here at {row['taken_at']:%Y-%m-%d %H:%M} UTC, and on S3 "
                f"only one machine may write: run this there, wait {AWAY // HOUR} hours, or set a log store for "
                "several writers (docs/cluster.md)."
            )


def find_layout(storage: Storage, rows: Iterable[Mapping[str, Any]]) -> int:
    """The version of the layout that the tables are of, told by the rows of `leases`; today's where nobody wrote yet.

    Raises LayoutError where it is later than this project's.
    """
    oldest = min((row.get("layout") or 1 for row in rows), default=tables.LAYOUT)
    if oldest > tables.LAYOUT:
        raise LayoutError(
            f"{storage.warehouse}: its tables are of layout {oldest}, made by a later version of this project, and "
            f"this one knows {tables.LAYOUT}: run the later one."
        )
    return oldest


def _next(epoch: int) -> int:
    """Rises with each attempt, and also where a warehouse is put back to an earlier state beside a database that is
    not: seconds since 1970, or one more than the last."""
    return max(epoch + 1, int(time.time()))
