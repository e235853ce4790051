"""`make rebuild DAY=2019-10-01`: build a day's outputs again, from the table versions that they were built from.

The result is compared with the existing rows. Equal rows stay untouched; different rows (somebody changed the table)
are replaced. Matrix and features belong to their as-of day.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.builds.planning import day_settings, plan_snapshot, settings_digest
from spark_jobs.command_line import hold_leases, load_settings
from spark_jobs.context import Context
from spark_jobs.delta.predicates import in_days
from spark_jobs.errors import IdentityError, PipelineError, SettingsError
from spark_jobs.flow import HANDLE_MISSING_VALUES, REMOVE_DUPLICATES, Writer
from spark_jobs.ledger.rule_versions import build_digest
from spark_jobs.ledger.status import NO_DAY
from spark_jobs.ledger_rows import BuildRow
from spark_jobs.observability.console import Console
from spark_jobs.project import typed
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.session import now, spark_session
from spark_jobs.snapshots.features import FEATURES
from spark_jobs.snapshots.scheme import Scheme
from spark_jobs.snapshots.user_item_matrix import MATRIX
from spark_jobs.tables import BuildStatus, Table
from spark_jobs.transforms.dedupe import keep_latest, rank_duplicates
from spark_jobs.transforms.digest import digest_sums
from spark_jobs.transforms.impute import find_fills, repair
from spark_jobs.transforms.interactions import daily_interactions, daily_items, fill_counts
from spark_jobs.windows import DAY, name, parse, parse_day

SNAPSHOTS = (MATRIX, FEATURES)
STAMPS = ("as_of", "built_at")


def main(overrides: Sequence[str], day: str | None) -> int:
    """Print one line for each table of the day."""
    if not day:
        raise SettingsError(f"DAY is missing: {typed('rebuild', day='2019-10-01')}; {typed('status')} lists the days.")
    first, settings, console = parse(day, None, DAY, now()).start, load_settings(overrides), Console()
    with hold_leases(settings, spark_session("rebuild"), Writer) as ctx:
        for line in rebuild(ctx, first):
            console.say(line)
    return 0


def rebuild(ctx: Context, day: datetime) -> Iterator[str]:
    """Build the day's tables again; yield one line for each.

    Raises PipelineError where the day is not built, or where its sources or settings no longer exist.
    """
    yield from _rebuild_events(ctx, day)
    for scheme in SNAPSHOTS:
        last = ctx.ledger.last_build(scheme.job.name)
        if last is not None and parse_day(last["day"]) == day:
            yield from _rebuild_snapshot(ctx, scheme, last)
        elif last is not None:
            yield f"{scheme.job.name}: as of {last['day']}; rebuild that day to build it again."


def _rebuild_events(ctx: Context, day: datetime) -> Iterator[str]:
    kinds, exempt, where = ctx.settings.events, ctx.settings.duplicates.exempt_types, in_days([day])
    ctx = ctx.write_as(Writer.PREPROCESSING)
    first, second = (_find_build(ctx, job.name, day) for job in (REMOVE_DUPLICATES, HANDLE_MISSING_VALUES))
    yield from _undo_unrecorded_changes(ctx, first, tables.DEDUPED_EVENTS)
    yield from _undo_unrecorded_changes(ctx, second, *HANDLE_MISSING_VALUES.writes)
    of_day = day_settings(ctx.settings)
    digest = _compute_input_digest(first, first["counts"]["source"], *of_day)
    _require_same_settings(day, first["input_digest"] == digest)
    current = ctx.ledger.day_inputs().get(day) == first["counts"]["source"]
    events = _read_input(ctx, tables.USER_EVENTS, first, where, current)
    deduped = keep_latest(rank_duplicates(events, tables.DEDUPED_EVENTS.key_columns(), [day], first["rows_in"]), exempt)
    yield _replace_if_different(ctx, tables.DEDUPED_EVENTS, deduped, where, first, first["rows_out"])
    current = second["input_digest"] == _compute_input_digest(second, first["output_digest"], *of_day)
    events = _read_input(ctx, tables.DEDUPED_EVENTS, second, where, current)
    repaired = repair(events, find_fills(events, kinds.rated), kinds.rated)
    yield _replace_if_different(ctx, tables.CLEANED_EVENTS, repaired, where, second, second["rows_out"])
    cleaned = ctx.storage.read(tables.CLEANED_EVENTS).where(where)
    yield _replace_if_different(
        ctx,
        tables.add_type_counts(tables.INTERACTIONS, kinds.names),
        daily_interactions(cleaned, [day], second["rows_out"], kinds.names),
        where,
        second,
    )
    yield _replace_if_different(ctx, tables.ITEM_DAYS, daily_items(cleaned), where, second)


def _rebuild_snapshot(ctx: Context, scheme: Scheme, build: BuildRow) -> Iterator[str]:
    ctx, step, settings = ctx.write_as(scheme.job.writer), scheme.job.name, scheme.settings(ctx.settings)
    as_of = parse_day(build["day"])
    if build["status"] != BuildStatus.BUILT:
        raise PipelineError(f"{step} of {build['day']} was stopped, so there is no build to repeat.")
    _require_same_settings(as_of, build["counts"]["settings"] == settings_digest(step, *settings))
    days = [parse_day(date.fromisoformat(key)) for key in build["counts"] if key != "settings"]
    current = plan_snapshot(ctx, step, scheme.bases, *settings).unchanged
    bases = [_read_input(ctx, table, build, in_days(days), current) for table in scheme.bases]
    for table, rows in scheme.from_scratch(ctx, as_of, *bases).items():
        stamps = {"as_of": F.lit(as_of.date()), "built_at": F.lit(now())}
        yield _replace_if_different(ctx, table, rows.withColumns(stamps), None, build)


def _find_build(ctx: Context, step: str, day: datetime) -> BuildRow:
    build = ctx.ledger.builds(step).get(day)
    if build is None or build["counts"].get("source") == NO_DAY:
        raise PipelineError(
            f"{name(day, DAY)}: {step} has not built this day; {typed('status')} shows which days are built."
        )
    return build


def _compute_input_digest(build: BuildRow, content: str, *settings: Any) -> str:
    return build_digest(build["step"], content, settings)


def _require_same_settings(day: datetime, are_same: bool) -> None:
    if not are_same:
        raise PipelineError(
            f"{name(day, DAY)}: it was built with other settings or by older rules; restore the settings (SET=…), "
            "or let the daily jobs build it with the current ones."
        )


def _read_input(ctx: Context, table: Table, build: BuildRow, where: str, current: bool) -> DataFrame:
    """Return the rows that the build read. `current`: the ledger shows that the table still has the same rows.

    Raises PipelineError where neither the version that was read nor the same rows exist.
    """
    version = (build["reads"] or {}).get(table.name)
    if version is not None and (rows := ctx.storage.read_earlier(table, version, where)) is not None:
        return rows
    if current:
        return ctx.storage.read(table).where(where)
    raise PipelineError(
        f"{build['day']}: {table.name} has changed since {build['step']} read it, and the version read ({version}) "
        f"is no longer kept: builds can be repeated for {ctx.settings.retention.rebuild_days} days. The daily jobs "
        "build the day from the current rows."
    )


def _undo_unrecorded_changes(ctx: Context, build: BuildRow, *step_tables: Table) -> Iterator[str]:
    """Undo changes that the ledger does not record, on every day; yield one line for each table that had any.

    Otherwise the ledger row of this build would include these changes.
    """
    for table in undo_unrecorded(ctx, *step_tables):
        ctx.ledger.renew_writes(build["step"], parse_day(build["day"]), table)
        yield f"{table.name}: it was changed without an entry in the ledger; fixed."


def _replace_if_different(
    ctx: Context, table: Table, rows: DataFrame, where: str | None, build: BuildRow, expected_rows: int | None = None
) -> str:
    """Replace the table's rows where they differ from `rows`; return one line that reports the result.

    The ledger row of `build` then names the new version. Raises IdentityError where `rows` are not `expected_rows` in
    number.
    """
    current = ctx.storage.read(table)
    if table.name in (tables.INTERACTIONS.name, tables.ITEM_SUMS.name):
        current = fill_counts(current, ctx.settings.events.names)
    new, existing = (_digest_rows(table, each) for each in (rows, current.where(where) if where else current))
    if expected_rows is not None and new[0] != expected_rows:
        raise IdentityError(f"{table.name}: built with {expected_rows:,} rows, but its sources give {new[0]:,}.")
    if new == existing:
        return f"{table.name}: {new[0]:,} rows, the same."
    ctx.writer.replace(table, rows, where)
    ctx.ledger.renew_writes(build["step"], parse_day(build["day"]), table)
    return f"{table.name}: its {existing[0]:,} rows were not those that were built; fixed: {new[0]:,} rows."


def _digest_rows(table: Table, rows: DataFrame) -> tuple[int, int, int]:
    columns = [column for column in table.columns if column not in STAMPS]
    count, low, high = table.conform(rows).agg(F.count("*"), *digest_sums(columns)).head(1)[0]
    return count, low, high
