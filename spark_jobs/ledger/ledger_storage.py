"""What the ledger asks of the storage below it: that of Spark, or a reader without a JVM."""

from typing import Protocol

from spark_jobs.ledger_rows import RowT
from spark_jobs.tables import LedgerTable, Table


class LedgerStorage(Protocol):
    """What a ledger, and whoever reads one, asks of a `Storage`."""

    def exists(self, table: Table) -> bool:
        """Whether the table was ever created."""

    def version(self, table: Table) -> int:
        """The latest version; -1 where the table does not exist."""

    def rows(self, table: LedgerTable[RowT]) -> list[RowT]:
        """All rows of a table of the ledger."""

    def is_readable(self, table: Table, version: int) -> bool:
        """Whether a version can take the place of the latest."""
