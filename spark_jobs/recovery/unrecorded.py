"""Commits without a row in the ledger: what a killed attempt did to tables is taken back before the next one begins.

Otherwise the next commit to the table would publish it: the version that the ledger names then has these rows too.
"""

from spark_jobs.context import Context
from spark_jobs.recovery.undo import undo_after
from spark_jobs.tables import Table

CREATED = 0  # the version of a table without rows


def undo_unrecorded(ctx: Context, *of: Table) -> list[Table]:
    """Take back every change of these tables that is later than the version that the ledger names; those that had one.

    A table whose version the ledger does not name, for an older version of the project wrote it, is left alone. Raises
    PipelineError where the rows before the change are gone.
    """
    undone = []
    for table in of:
        version = ctx.ledger.named_version(table)
        known = version is not None and ctx.storage.exists(table)
        if known and undo_after(ctx.writer, table, max(version, CREATED)):
            undone.append(table)
    return undone
