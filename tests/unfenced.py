"""Writing without a lease, for tests that are about something else."""

from dataclasses import replace
from types import SimpleNamespace

from spark_jobs.context import Context
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter


class NoLeases(dict):
    """Every writer may write, and nothing fences it. PostgreSQL, which asks by `get`, sees no lease."""

    def __contains__(self, writer: object) -> bool:
        return True

    def __getitem__(self, writer: str) -> SimpleNamespace:
        return SimpleNamespace(table_writer=unfenced_writer)


def unfenced_writer(storage: Storage) -> TableWriter:
    """Return a writer of the tables that no lease fences."""
    return TableWriter.without_lease(storage)


def unfenced_context(ctx: Context) -> Context:
    """Return the same context, which may write as any writer."""
    writer = unfenced_writer(ctx.storage)
    return replace(ctx, ledger=ctx.ledger.with_writer(writer), _writer=writer, leases=NoLeases())
