"""The ledger without Spark, for commands that only read it. deltalake reads it on this machine or on S3."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaProtocolError

from spark_jobs import tables
from spark_jobs.addresses import S3, is_remote
from spark_jobs.context import LedgerContext, context
from spark_jobs.delta.log import NOTHING
from spark_jobs.delta.row_files import to_rows
from spark_jobs.errors import PipelineError
from spark_jobs.ledger.ledger import PINNED, Ledger
from spark_jobs.ledger_rows import RowT
from spark_jobs.project import PROJECT
from spark_jobs.runtime import environment
from spark_jobs.settings import Settings
from spark_jobs.tables import LedgerTable, Table

READ = (*PINNED, tables.SUPPRESSED_USERS)
COMMIT = re.compile(r"[0-9]{20}\.(json|checkpoint.*parquet)")


class LedgerReader:
    """A replacement for `Storage` in a `Ledger` that is only read."""

    def __init__(self, warehouse: str):
        self.warehouse = warehouse.rstrip("/")
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        self._options = {"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http:") else {}
        self._opened: dict[str, DeltaTable | None] = {}

    def exists(self, table: Table) -> bool:
        """Return whether the table was ever created."""
        return self._open_table(table) is not None

    def version(self, table: Table) -> int:
        """Return the version that is read: the latest one at the first access to the table. -1: it does not exist."""
        found = self._open_table(table)
        return NOTHING if found is None else found.version()

    def rows(self, table: LedgerTable[RowT]) -> list[RowT]:
        """Return all rows of a table of the ledger, in no order.

        Uses deltalake's own query engine: for a table on S3 its `to_pyarrow_table` leaves threads that abort some
        processes when they end.
        """
        found = self._open_table(table)
        if found is None:
            return []
        answer = QueryBuilder().register("found", found).execute("SELECT * FROM found")
        return to_rows(table, pa.table(answer.read_all()), partition={})

    def is_readable(self, table: Table, version: int) -> bool:
        """Whether it is the version that is read; earlier ones are for Spark."""
        return version == self.version(table)

    def _open_table(self, table: Table) -> DeltaTable | None:
        if table.name not in self._opened:
            address = f"{self.warehouse}/{table.name}"
            exists = DeltaTable.is_deltatable(address, self._options) if is_remote(address) else _is_table(address)
            self._opened[table.name] = DeltaTable(address, storage_options=self._options) if exists else None
        return self._opened[table.name]


@dataclass
class ReadLedger:
    """A `LedgerContext` without Spark."""

    settings: Settings
    storage: LedgerReader
    ledger: Ledger


def read_ledger(settings: Settings, name: str, say: Callable[[str], None]) -> LedgerContext:
    """Return a context for reading the ledger.

    For a warehouse that only Spark can read it starts Spark, and reports that with `say`.
    """
    reader = LedgerReader(settings.paths.warehouse)
    try:
        if _is_at_hand(reader.warehouse):
            for table in READ:
                reader.version(table)
            return ReadLedger(settings, reader, Ledger(reader))
    except DeltaProtocolError:  # the table uses a feature that only Spark supports
        pass
    from spark_jobs.session import spark_session

    say(f"starting Spark, because only Spark can read {reader.warehouse}.")
    return context(settings, spark_session(name))


def _is_at_hand(warehouse: str) -> bool:
    """Return whether a warehouse is a folder of this machine, or on S3 and configured by environment variables."""
    if S3.match(warehouse):
        return not environment.has_default(PROJECT, "spark.hadoop.fs.s3a.")
    is_local_folder = not is_remote(warehouse) and environment.is_local(PROJECT)
    return is_local_folder and "%" not in warehouse  # deltalake reads %20 in a folder's name as a space


def _is_table(folder: str) -> bool:
    try:
        return any(COMMIT.fullmatch(path.name) for path in Path(folder, "_delta_log").iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise PipelineError(f"{folder}: cannot be read ({error.strerror}).") from error
