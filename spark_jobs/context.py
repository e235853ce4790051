"""What every job works with: settings, session, tables, ledger, leases, and a function that prints a line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.coordination.lease import Lease
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError
from spark_jobs.flow import Job, Writer
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.ledger.ledger_storage import LedgerStorage
from spark_jobs.observability import run_log
from spark_jobs.settings import Settings
from spark_jobs.tables import Table
from spark_jobs.windows import Window

Summary = dict[str, Any]


def _print_to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    run_log.record_line(line)


class LedgerContext(Protocol):
    """What of a `Context` reads the ledger, with Spark or without it."""

    settings: Settings
    ledger: Ledger

    @property
    def storage(self) -> LedgerStorage:
        """The ledger's tables."""


@dataclass
class Context:
    """The argument of `run(ctx, window)` of every job. `say` shows one line to the person who runs it."""

    settings: Settings
    spark: SparkSession
    storage: Storage
    ledger: Ledger
    say: Callable[[str], None] = _print_to_stderr
    options: dict[str, Any] | None = None
    leases: dict[str, Lease] = field(default_factory=dict)
    _writer: TableWriter | None = None

    @property
    def writer(self) -> TableWriter:
        """Return the table writer. Raises PipelineError where the context has no lease (`write_as`)."""
        if self._writer is None:
            raise PipelineError("the warehouse was opened read-only; nothing can be written to it.")
        return self._writer

    def write_as(self, writer: Writer) -> "Context":
        """Return the same context with the right to write as one of the writers.

        Raises PipelineError where the context does not hold its lease.
        """
        if writer not in self.leases:
            raise PipelineError(f"the lease of {writer} is not held; nothing can be written under it.")
        table_writer = self.leases[writer].table_writer(self.storage)
        return replace(self, ledger=self.ledger.with_writer(table_writer), _writer=table_writer)

    def run(self, job: Job, window: Window | None) -> Summary:
        """Run a job over the window with the lease of its writer, and return the job's summary."""
        summary: Summary = import_module(job.module).run(self.write_as(job.writer), window)
        return summary

    def read(self, table: Table) -> DataFrame:
        """Return the table in the version that the ledger names (`Ledger.version`)."""
        return self.storage.read(table, self.ledger.version(table))

    def count(self, table: Table) -> int:
        """Return the number of rows in the version of the table that the ledger names, from Delta's log."""
        return self.storage.count(table, self.ledger.version(table))

    def pin(self) -> "Context":
        """Return the same context with the ledger as it is now: all reads are then consistent, even next to writers."""
        return replace(self, ledger=self.ledger.pin())

    def option(self, name: str) -> Any:
        """Return a command-line option other than the window; None where it was not given."""
        return (self.options or {}).get(name)


def context(settings: Settings, spark: SparkSession, **options: Any) -> Context:
    """Return a context for the warehouse of the settings."""
    storage = Storage(spark, settings.paths.warehouse)
    return Context(settings, spark, storage, Ledger(storage), options=options)
