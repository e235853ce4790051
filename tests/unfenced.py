"""Writing without a lease, where a test is about something else."""

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
        return SimpleNamespace(table_writer=unfenced)


def unfenced(storage: Storage) -> TableWriter:
    """What writes the tables."""
    return TableWriter.without_lease(storage)


def unfenced_context(ctx: Context) -> Context:
    """The same context, which may write."""
    writer = unfenced(ctx.storage)
    return replace(ctx, ledger=ctx.ledger.written_by(writer), _writer=writer, leases=NoLeases())
