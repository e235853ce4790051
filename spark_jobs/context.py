"""What every job works with: settings, session, tables, ledger, leases, and a voice."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.coordination.lease import Lease
from spark_jobs.delta.storage import Storage
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
    leases: dict[str, Lease] = field(default_factory=dict)

    def run(self, job: ModuleType, window: Window | None) -> Summary:
        """What a job's `run` makes of the window; what it writes, it writes under the lease of its part."""
        self.storage.part = job.PART
        return job.run(self, window)

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
