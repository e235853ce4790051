"""`make upgrade`: bring the tables of an older version of this project to this version, once after each update.

Each table gets the columns, comments, wider types and properties that `spark_jobs/tables` declares. No file is
rewritten; a new column is null in old rows, as its comment states. Older partitions stay readable, also in earlier
versions. A table that is no longer written is removed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.command_line import load_settings
from spark_jobs.context import Context, context
from spark_jobs.coordination import lease, lock
from spark_jobs.delta.files import find_last_note
from spark_jobs.delta.schema import properties, schema
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.errors import PipelineError
from spark_jobs.flow import CREATE_USER_ITEM_MATRIX, FEATURE_ENGINEERING, Writer
from spark_jobs.ledger.ledger import Ledger
from spark_jobs.observability.console import Console
from spark_jobs.session import spark_session
from spark_jobs.tables import BuildStatus, HourStatus, Table

NOTED = {  # tables whose commits had a digest, up to layout 3
    CREATE_USER_ITEM_MATRIX.name: (tables.USER_ITEM_MATRIX,),
    FEATURE_ENGINEERING.name: FEATURE_ENGINEERING.writes,
}
WIDER = "'delta.enableTypeWidening' = 'true'"  # set only where needed: not every Delta reader supports it


def main(overrides: Sequence[str] = ()) -> int:
    """Print one line for each change, then the layout version."""
    settings, console = load_settings(overrides), Console()
    with ExitStack() as stack:
        holds = [stack.enter_context(lock.hold(settings.paths.warehouse, writer)) for writer in Writer]
        ctx = context(settings, spark_session("upgrade"))
        for line in upgrade(ctx, holds):
            console.say(line)
    return 0


def upgrade(ctx: Context, holds: list[lock.Hold]) -> Iterator[str]:
    """Upgrade table after table, then write the layout version; yield one line for each change.

    Resumable: the next run continues where this one stopped. The caller must hold every lock. Raises LayoutError where
    the warehouse has a later layout, PipelineError where a type cannot be widened.
    """
    before = lease.find_layout(ctx.storage, ctx.storage.rows(tables.LEASES))
    for table in tables.ALL:
        if ctx.storage.exists(table):
            yield from (f"{table.name}: {words}" for words in conform(ctx.storage, table))
    writer = TableWriter.without_lease(ctx.storage)
    if dropped := drop_empty_hours(writer):
        yield f"hour_status: removed hours without rows, because these are derived now: {dropped:,}"
    yield from name_versions(ctx.storage, ctx.ledger.with_writer(writer))
    for name in tables.RETIRED:
        if ctx.storage.remove(name):
            yield f"{name}: removed, because nothing reads it any more"
    ctx.leases = lease.take_leases(ctx.storage, holds, upgrading=True)
    ctx.write_as(Writer.COLLECTION).ledger.refresh_days()
    yield f"layout {tables.LAYOUT}, before: {before}" if before < tables.LAYOUT else f"layout {before}, unchanged"


def drop_empty_hours(writer: TableWriter) -> int:
    """Remove the hours that layout 3 stored as empty; return how many. Hours that once had rows stay, as loaded."""
    hours = writer.storage.read(tables.HOUR_STATUS)
    empty = hours.where("status = 'empty'")
    had_rows = F.col("types").isNotNull()  # it was validated
    count = empty.where(~had_rows).count()
    if empty.count():
        kept = hours.where((F.col("status") != "empty") | had_rows)
        status = F.when(F.col("status") == "empty", F.lit(HourStatus.LOADED)).otherwise(F.col("status"))
        writer.replace(tables.HOUR_STATUS, kept.withColumn("status", status), None)
    return count


def conform(storage: Storage, table: Table) -> Iterator[str]:
    """Give an existing table its declared columns, types, comments and properties; yield each change in words.

    Raises PipelineError where a declared type is not wider than the existing one.
    """
    existing = {field.name: field for field in storage.stored_schema(table).fields}
    declared = schema(table)
    if new := [field for field in table.fields if field.name not in existing]:
        columns = ", ".join(f"`{field.name}` {field.type} COMMENT {_quote_literal(field.comment)}" for field in new)
        yield _alter_table(
            storage, table, f"ADD COLUMNS ({columns})", f"new columns: {', '.join(field.name for field in new)}"
        )
    for field in (field for field in table.fields if field.name in existing):
        old, declared_type = existing[field.name], declared[field.name].dataType.simpleString()
        if (current := old.dataType.simpleString()) != declared_type:
            _alter_table(storage, table, f"SET TBLPROPERTIES ({WIDER})", "wider types")
            change = f"ALTER COLUMN `{field.name}` TYPE {field.type}"
            yield _alter_table(storage, table, change, f"{field.name}: {current} becomes {declared_type}")
        if old.metadata.get("comment") != field.comment:
            change = f"ALTER COLUMN `{field.name}` COMMENT {_quote_literal(field.comment)}"
            yield _alter_table(storage, table, change, f"{field.name}: new comment")
    current_properties = storage.spark.sql(f"DESCRIBE DETAIL {_quote_table(storage, table)}").head(1)[0].properties
    if other := {key: value for key, value in properties(table).items() if current_properties.get(key) != value}:
        pairs = ", ".join(f"{_quote_literal(key)} = {_quote_literal(value)}" for key, value in other.items())
        yield _alter_table(storage, table, f"SET TBLPROPERTIES ({pairs})", f"set: {', '.join(other)}")


def name_versions(storage: Storage, ledger: Ledger) -> Iterator[str]:
    """Record in each snapshot's last ledger row which versions it wrote, so that the next day is added to them.

    Builds up to layout 3 wrote their digest into each commit instead. If it differs from the ledger's, nothing is
    recorded: an attempt wrote the table and ended before its row in the ledger, so the next build is from scratch.
    """
    for step, noted in NOTED.items():
        last = ledger.last_build(step)
        if last is None or last["status"] != BuildStatus.BUILT or last["writes"] is not None:
            continue
        notes = [each for table in noted if (each := find_last_note(storage, table))]
        if len(notes) == len(noted) and {note for _, note in notes} == {last["input_digest"]}:
            numbered = CREATE_USER_ITEM_MATRIX.writes if step == CREATE_USER_ITEM_MATRIX.name else ()
            writes = {table.name: storage.version(table) for table in numbered}
            writes |= {table.name: version for table, (version, _) in zip(noted, notes, strict=True)}
            ledger.record_builds(step, [last | {"writes": writes}])
            yield f"{tables.DAY_BUILDS.name}: {step}: recorded the versions that it wrote"


def _alter_table(storage: Storage, table: Table, change: str, words: str) -> str:
    try:
        storage.spark.sql(f"ALTER TABLE {_quote_table(storage, table)} {change}")
    except AnalysisException as error:
        raise PipelineError(f"{table.name}: {words}: not possible ({error.getCondition()}).") from error
    return words


def _quote_table(storage: Storage, table: Table) -> str:
    return f"delta.`{storage.path(table)}`"


def _quote_literal(text: str) -> str:
    """Return the text as an SQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
