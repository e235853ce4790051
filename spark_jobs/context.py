"""What every job works with: settings, session, tables, ledger, leases, and a voice."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.coordination.lease import Lease
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError
from spark_jobs.flow import Job, Writer
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.settings import Settings
from spark_jobs.tables import Table
from spark_jobs.windows import Window

Summary = dict[str, Any]


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


@dataclass
class Context:
    """Handed to `run(ctx, window)` of every job. `say` shows one line to the person who runs it."""

    settings: Settings
    spark: SparkSession
    storage: Storage
    ledger: Ledger
    say: Callable[[str], None] = _to_stderr
    options: dict[str, Any] | None = None
    leases: dict[Writer, Lease] = field(default_factory=dict)
    _writer: TableWriter | None = None

    @property
    def writer(self) -> TableWriter:
        """What writes tables. Raises PipelineError where the context has no lease (`write_as`)."""
        if self._writer is None:
            raise PipelineError("the warehouse was opened to be read, and nothing may be written into it.")
        return self._writer

    def write_as(self, writer: Writer) -> "Context":
        """The same with the right to write as one of the writers. Raises PipelineError where its lease is not held."""
        if writer not in self.leases:
            raise PipelineError(f"the lease of {writer} is not held, and nothing may be written under it.")
        held = self.leases[writer].table_writer(self.storage)
        return replace(self, ledger=self.ledger.written_by(held), _writer=held)

    def run(self, job: Job, window: Window | None) -> Summary:
        """Run a job over the window, with the lease of its writer; what it says of what it did."""
        return import_module(job.module).run(self.write_as(job.writer), window)

    def read(self, table: Table) -> DataFrame:
        """The table in the version that the ledger names (`Ledger.version`)."""
        return self.storage.read(table, self.ledger.version(table))

    def count(self, table: Table) -> int:
        """Rows of the table in the version that the ledger names, from Delta's log."""
        return self.storage.count(table, self.ledger.version(table))

    def pinned(self) -> "Context":
        """The same with the ledger as it is now: whatever is read then belongs together, next to any writer."""
        return replace(self, ledger=self.ledger.pinned())

    def option(self, name: str) -> Any:
        """An option of the command line beyond the window; None where it was not given."""
        return (self.options or {}).get(name)


def context(settings: Settings, spark: SparkSession, **options: Any) -> Context:
    """A context over the warehouse of the settings."""
    storage = Storage(spark, settings.paths.warehouse)
    return Context(settings, spark, storage, Ledger(storage), options=options)
