"""`make forget USER=541312140`: remove a user's rows from every table, the database and all history, and prove it.

The user is added to the list of erased users, whose records every later landing skips (`LIFT=1` takes the user off it).
The rows are removed from raw_events; everything derived from them is validated, loaded and built again, as after any
change of the source. Then every version that still had them is deleted for good: earlier versions of these tables can
no longer be read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pyspark.sql import Column

from spark_jobs import tables, windows
from spark_jobs.command_line import hold_leases, load_settings
from spark_jobs.context import Context
from spark_jobs.delta.files import vacuum
from spark_jobs.delta.predicates import in_days
from spark_jobs.erasure import suppressed_users, user_traces
from spark_jobs.erasure.retired_numbers import write_assigned
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.flow import (
    CREATE_USER_ITEM_MATRIX,
    DAILY,
    FEATURE_ENGINEERING,
    LAST_DAY_STEP,
    LOAD_TO_DATABASE,
    SNAPSHOTS,
    Writer,
)
from spark_jobs.ingest import landing
from spark_jobs.ledger.known_files import READ_AGAIN
from spark_jobs.ledger_rows import FileHour, FileRow
from spark_jobs.observability.console import Console
from spark_jobs.observability.wording import name_first
from spark_jobs.postgres.database import open_database
from spark_jobs.project import typed
from spark_jobs.report.run_summary import describe_identities
from spark_jobs.session import now, spark_session
from spark_jobs.tables import FileStatus, HourStatus, Table
from spark_jobs.transforms import user_rows
from spark_jobs.validation.hours import commit_hours, judge_hours
from spark_jobs.windows import Window, parse_day

TABLES_WITH_USERS = tuple(table for table in tables.ALL if {"user_id", "raw_text"} & set(table.columns))
EMPTIED = {  # emptied if no user is left; index tables are not: assigned numbers stay
    CREATE_USER_ITEM_MATRIX.name: (tables.USER_ITEM_MATRIX,),
    FEATURE_ENGINEERING.name: FEATURE_ENGINEERING.writes,
}
REASON = "a user was forgotten, so the rejected rows are a larger share"
LARGEST = 2**63 - 1


def main(overrides: Sequence[str], user: str | None, lifts: bool) -> int:
    """Print what was removed, the proof, and what the pipeline cannot remove."""
    if user is None or not user.isdecimal() or not 0 < int(user) <= LARGEST:
        raise SettingsError(f"USER must be a user_id, a whole number above 0: {typed('forget', user=541312140)}.")
    settings, console = load_settings(overrides), Console()
    with hold_leases(settings, spark_session("forget"), Writer) as ctx:
        if not ctx.storage.exists(tables.RAW_EVENTS):
            raise PipelineError(f"{settings.paths.warehouse}: there is nothing to forget yet; {typed('run')} first.")
        ctx.say, action = console.say, lift if lifts else forget
        for line in action(ctx, int(user)):
            console.say(line)
    return 0


def forget(ctx: Context, user: int) -> Iterator[str]:
    """Remove the user; yield a report, line by line. Resumable: the next run continues where this one stopped.

    Raises PipelineError where rows of the user are left, because stopped hours keep their earlier rows.
    """
    ctx = ctx.write_as(Writer.COLLECTION)
    before = _count_rows_of_user(ctx, user)
    suppressed_users.suppress(ctx, user)
    files = _remove_from_raw(ctx, user)
    _validate_dirty_hours(ctx)
    ctx.run(LOAD_TO_DATABASE, _create_empty_window())
    _rebuild_days_and_snapshots(ctx, user)
    for table in TABLES_WITH_USERS:
        vacuum(ctx.storage, table, 0)
    with open_database(ctx) as database:
        database.vacuum()
    after = _count_rows_of_user(ctx, user)
    if left := {name: count for name, count in after.items() if count}:
        raise PipelineError(
            f"user {user} is not forgotten yet; rows left: {_format_counts(left)}. Stopped hours keep their earlier "
            f"rows: {typed('status')} names these hours; fix or admit them, then run this again."
        )
    removed = {name: count for name, count in before.items() if count}
    yield f"removed rows of user {user}: {_format_counts(removed) or 'none, because there were none'}"
    suppressed_users.record_erasure(ctx, user)
    yield f"checked: user {user} is in no table, in no file of a table and in no row of PostgreSQL"
    yield from describe_identities(ctx)
    yield f"suppressed: from now on, landing skips the records of user {user}; LIFT=1 undoes that"
    if reports := user_traces.remove_reports(ctx.settings, user):
        yield f"removed: {reports:,} files of run reports that named the user"
    yield from user_traces.describe_traces(ctx.settings, user)
    yield from _describe_untouched_files(files or [row["path"] for row in ctx.ledger.files() if row["suppressed"]])


def lift(ctx: Context, user: int) -> Iterator[str]:
    """Take a user off the list of erased users. Files with skipped records are read again at the next landing.

    Raises PipelineError where the user is not on the list.
    """
    ctx = ctx.write_as(Writer.COLLECTION)
    if not suppressed_users.is_suppressed(ctx, user):
        raise PipelineError(f"user {user} is not on the list of erased users.")
    files = [row for row in ctx.ledger.files() if row["suppressed"]]
    ctx.ledger.record_files(row | {"rule_version": READ_AGAIN} for row in files)  # first: reading again is harmless
    suppressed_users.lift(ctx, user)
    yield f"lifted: user {user} is no longer suppressed"
    existing = [row["path"] for row in files if row["status"] != FileStatus.VANISHED]
    if existing:
        yield f"the next landing ({typed('run')}) reads these files again: {name_first(existing)}"
    if gone := [row["path"] for row in files if row["status"] == FileStatus.VANISHED]:
        yield f"not restored: records that only these files had, because the files are gone: {name_first(gone)}"


def _count_rows_of_user(ctx: Context, user: int) -> dict[str, int]:
    """Count the user's rows in each table, in the files of earlier versions, and in PostgreSQL."""
    counts = {}
    for table in TABLES_WITH_USERS:
        if ctx.storage.exists(table):
            is_of_user = _build_user_condition(ctx, table, user)
            counts[table.name] = ctx.storage.read(table).where(is_of_user).count()
            in_all_files = ctx.storage.read_every_file(table).where(is_of_user).count()
            counts[f"earlier versions of {table.name}"] = in_all_files - counts[table.name]
    with open_database(ctx) as database:
        return counts | {"PostgreSQL": database.count_rows_of_user(user)}


def _build_user_condition(ctx: Context, table: Table, user: int) -> Column:
    if "raw_text" not in table.columns:
        return user_rows.match_typed(user)
    if "user_id" in table.columns:
        return user_rows.match_raw(user)
    return user_rows.match_rejected(user, {row["file_id"]: row["header"] or [] for row in ctx.ledger.files()})


def _remove_from_raw(ctx: Context, user: int) -> list[str]:
    """Remove the rows from raw_events and from the ledger's counts of their files; return the paths of these files."""
    landing.undo(ctx)
    is_of_user, rows = _build_user_condition(ctx, tables.RAW_EVENTS, user), ctx.storage.read(tables.RAW_EVENTS)
    found = rows.where(is_of_user).select("file_id", "event_date").distinct().collect()
    if not found:
        return []
    ids = sorted({row.file_id for row in found})
    where = in_days(parse_day(row.event_date) for row in found if row.event_date)
    if any(row.event_date is None for row in found):
        where = f"({where}) OR (event_date IS NULL AND file_id IN ({', '.join(map(str, ids))}))"
    ctx.writer.replace(tables.RAW_EVENTS, rows.where(where).where(~is_of_user), where)
    hours = landing.digest_by_hour(ctx, f"file_id IN ({', '.join(map(str, ids))})")
    files = [row for row in ctx.ledger.files() if row["file_id"] in ids]
    stamp: FileRow = {"landed_at": now(), "raw_version": ctx.storage.version(tables.RAW_EVENTS)}
    ctx.ledger.record_files(row | stamp | _update_file_counts(row, hours.get(row["file_id"], [])) for row in files)
    return [row["path"] for row in files]


def _update_file_counts(row: FileRow, hours: list[FileHour]) -> FileRow:
    """Return a file's ledger columns without the user's rows, which count as suppressed from now on."""
    rows = sum(entry["rows"] for entry in hours)
    had_unfinished, has_unfinished = (any(entry["unfinished"] for entry in each) for each in (row["hours"], hours))
    return {
        "hours": hours,
        "rows": rows,
        "suppressed": (row["suppressed"] or 0) + row["rows"] - rows,
        "suppressed_unfinished": bool(row["suppressed_unfinished"]) or (had_unfinished and not has_unfinished),
    }


def _validate_dirty_hours(ctx: Context) -> None:
    """Validate the changed hours.

    Hours that had passed are admitted even if rejected rows are now a larger share; stopped hours are not.
    """
    dirty = ctx.ledger.states(lambda state: state.dirty)
    for states, accepted in (
        ([state for state in dirty if state.status not in (None, HourStatus.STOPPED)], REASON),
        ([state for state in dirty if state.status in (None, HourStatus.STOPPED)], None),
    ):
        commit_hours(ctx, judge_hours(ctx, states, accepted), accepted=accepted)
    ctx.ledger.refresh_days()


def _rebuild_days_and_snapshots(ctx: Context, user: int) -> None:
    """Build the days that changed, then the snapshots.

    The user's number is removed from the index and never assigned again.
    """
    for job in DAILY:
        if job not in SNAPSHOTS:
            ctx.run(job, _create_empty_window())
    index, matrix = ctx.storage.read(tables.USER_INDEX), ctx.write_as(Writer.MATRIX)
    if index.where(user_rows.match_typed(user)).count():
        write_assigned(matrix.writer, tables.USER_INDEX)
        matrix.writer.replace(tables.USER_INDEX, index.where(~user_rows.match_typed(user)), None)
        _record_current_version(matrix, CREATE_USER_ITEM_MATRIX.name, tables.USER_INDEX)
    somebody_is_left = any(row["rows_out"] for row in ctx.ledger.builds(LAST_DAY_STEP.name).values())
    for job in SNAPSHOTS:
        if somebody_is_left:
            ctx.run(job, _create_empty_window())
        else:
            _empty_tables(ctx.write_as(job.writer), job.name)


def _empty_tables(ctx: Context, step: str) -> None:
    for table in filter(ctx.storage.exists, EMPTIED[step]):
        ctx.writer.replace(table, ctx.storage.frame(table, []), None)
        _record_current_version(ctx, step, table)


def _record_current_version(ctx: Context, step: str, table: Table) -> None:
    """Record the table's current version in the step's last build, instead of the version that the build wrote."""
    if (last := ctx.ledger.last_build(step)) is not None:
        ctx.ledger.renew_writes(step, parse_day(last["day"]), table)


def _describe_untouched_files(files: Sequence[str]) -> Iterator[str]:
    existing = [path for path in files if "://" in path or Path(path).exists()]
    if existing:
        yield f"not touched: this user's lines in {name_first(existing)}; landing skips them; only you can remove them"


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _create_empty_window() -> Window:
    start = windows.floor(now(), windows.DAY)
    return Window(start, start)
