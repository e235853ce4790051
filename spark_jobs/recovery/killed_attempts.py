"""What a killed attempt left behind: commits later than the version that the ledger names. How they are undone.

This happens before the next attempt begins. Otherwise the next commit to the table would publish these rows too,
because they would be part of the version that the ledger then names.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import unquote

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.context import Context
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError
from spark_jobs.project import typed
from spark_jobs.tables import Table
from spark_jobs.windows import parse_day

UNDONE = "undone"  # the note of a commit that undid others
NO_DATE = "__HIVE_DEFAULT_PARTITION__"


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


def undo_after(writer: TableWriter, table: Table, version: int) -> bool:
    """Undo every change of rows later than `version`. Returns whether there was any.

    The changed days get back the rows that they had before the first change, by one commit under the lease. An attempt
    that was superseded meanwhile therefore undoes nothing. The rows come from the last commit before the first change,
    not from `version`: a compaction after `version` may have replaced its files, and VACUUM may have removed them.
    Raises PipelineError where the files from before the change are gone.
    """
    storage = writer.storage
    first = _find_first_change(storage, table, version)
    if first is None:
        return False
    where, earlier = _read_before(storage, table, first)
    failpoints.reach("undo.decided")
    writer.replace(table, earlier, where, note=UNDONE)
    return True


def _read_before(storage: Storage, table: Table, first: int) -> tuple[str, DataFrame]:
    """Return SQL that selects the days changed since the commit before `first`, and the rows of that commit there."""
    message = (
        f"{storage.path(table)}: version {first} has no entry in the ledger, and the rows from before it are gone; "
        f"restore the warehouse from a copy, or run {typed('clean')} and land the files again."
    )
    try:
        before = storage.list_files(table, first - 1)
    except AnalysisException as error:
        raise PipelineError(message) from error
    where = _select_partitions(table, before ^ storage.list_files(table))
    earlier = storage.read_earlier(table, first - 1, where)
    if earlier is None:
        raise PipelineError(message)
    return where, earlier


def _find_first_change(storage: Storage, table: Table, version: int) -> int | None:
    """Return the first commit later than `version` that changed rows and is not undone; None where there is none."""
    if storage.version(table) <= version:
        return None
    columns = ("version", "operation", "operationMetrics", "userMetadata")
    history = DeltaTable.forPath(storage.spark, storage.path(table)).history()
    first = None
    for commit in history.where(F.col("version") > version).select(*columns).collect():  # the latest first
        if commit.userMetadata == UNDONE or commit.operation == "RESTORE":  # by an earlier version of the project
            break
        if commit.operation != "OPTIMIZE" and _has_changed_files(commit.operationMetrics):
            first = commit.version
    return first


def _has_changed_files(metrics: dict[str, Any]) -> bool:
    return any(int(metrics.get(name, 0)) for name in ("numFiles", "numRemovedFiles"))


def _select_partitions(table: Table, files: Iterable[str]) -> str:
    """Return SQL that selects the partitions of these files."""
    values = {unquote(file.split("/")[-2]).partition("=")[2] for file in files}
    days = in_days(parse_day(date.fromisoformat(value)) for value in values - {NO_DATE})
    return f"{days} OR {table.partition} IS NULL" if NO_DATE in values else days
