"""What a killed attempt left behind: commits later than the version that the ledger names. `undo` undoes them.

This happens before the next attempt begins. Otherwise the next commit to the table would publish these rows too,
because they would be part of the version that the ledger then names.
"""

from spark_jobs.context import Context
from spark_jobs.recovery.undo import undo_after
from spark_jobs.tables import Table


def undo_unrecorded(ctx: Context, *tables: Table) -> list[Table]:
    """Undo every change of these tables that is later than the version that the ledger names.

    Returns the tables with such changes. A table is skipped where the ledger does not name its version, because an
    older version of the project wrote it. Raises PipelineError where the rows from before the change are gone.
    """
    undone = []
    for table in tables:
        version = ctx.ledger.named_version(table)
        if version is None or not ctx.storage.exists(table):
            continue
        if undo_after(ctx.writer, table, version):
            undone.append(table)
    return undone
