"""Load: write each committed hour to PostgreSQL exactly once; unchanged content is not rewritten.

Loads the committed hours of the range and every hour committed since its last load.
Reads user_events, hour_status, and items.csv of the raw folder if it exists; writes PostgreSQL's user_events,
items and ledger, then hour_status and day_status.
"""

import sys
from collections.abc import Mapping
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import command_line, flow, tables
from spark_jobs.context import Context, Summary
from spark_jobs.coordination import failpoints
from spark_jobs.coordination.concurrency import run_concurrently
from spark_jobs.delta.predicates import in_windows
from spark_jobs.errors import SourceError
from spark_jobs.ledger.status import NO_CONTENT, HourState
from spark_jobs.postgres import catalog
from spark_jobs.postgres.database import open_database
from spark_jobs.postgres.loader import PostgresLoader, StagedDay
from spark_jobs.postgres.schema import EVENTS, ITEMS
from spark_jobs.postgres.staging import StagedRows
from spark_jobs.sources import files
from spark_jobs.sources.listing import CATALOG, find_catalog
from spark_jobs.tables import HourStatus
from spark_jobs.transforms.digest import digest_hours, digest_item
from spark_jobs.transforms.items import find_latest_of_items, format_for_copy
from spark_jobs.windows import DAY, HOUR, Window, floor, name, ranges

JOB = flow.LOAD_TO_DATABASE


def run(ctx: Context, hours: Window) -> Summary:
    """Load each hour whose content differs from PostgreSQL's own ledger, in one transaction for each day."""
    states = ctx.ledger.states(lambda state: _is_to_compare(state, hours))
    with open_database(ctx) as database:
        dated = {state.hour: state for state in states if state.hour}
        loaded = database.read_loaded_hours(list(dated))
        different = {
            hour: state for hour, state in dated.items() if loaded.get(hour, (0, NO_CONTENT))[1] != state.content_digest
        }
        failpoints.reach("load.read")
        if different:
            _replace_hours(ctx, database, different, loaded)
        _load_catalog(ctx, database)
        database.unstage()  # this also removes what a killed load left
        database.create_indexes()
        failpoints.reach("load.committed")
        ctx.ledger.mark_loaded(state.window_key for state in states if state.status == HourStatus.COMMITTED)
        failpoints.reach("load.recorded")
        ctx.ledger.refresh_days()
        events, items = database.count_rows()
    return {
        "hours_loaded": len(different),
        "hours_unchanged": len(states) - len(different),
        "rows_loaded": sum(state.valid_rows for state in different.values()),
        "postgres_user_events": events,
        "postgres_items": items,
    } | _summarize_hours(ctx)


def _summarize_hours(ctx: Context) -> Summary:
    """Return the latest loaded hour and the number of stopped hours; alerts use both."""
    states = ctx.ledger.states(lambda state: state.hour is not None)
    loaded = [state.hour for state in states if state.hour and state.status == HourStatus.LOADED]
    stopped = {"hours_stopped": sum(state.status == HourStatus.STOPPED for state in states)}
    return stopped | ({"latest_hour": name(max(loaded), HOUR)} if loaded else {})


def _load_catalog(ctx: Context, database: PostgresLoader) -> None:
    """Load a new or changed items.csv of the raw folder. One that cannot be loaded is reported and blocks no event."""
    path = find_catalog(ctx.settings.paths.raw)
    if path is None:
        return
    found = files.examine(path)
    try:
        if found.refusal:
            raise SourceError(found.refusal)
        with database.transaction() as cursor, files.open_content(path, found.body_from) as body:
            if found.digest and catalog.digest(cursor) != found.digest:
                rows = catalog.replace(cursor, body, found.header, found.digest)
                ctx.say(f"{CATALOG}: {rows:,} items loaded.")
    except SourceError as error:
        ctx.say(f"refused: {CATALOG}: {error}")


def _replace_hours(
    ctx: Context,
    database: PostgresLoader,
    states: Mapping[datetime, HourState],
    loaded: Mapping[datetime, tuple[int, str]],
) -> None:
    """Replace the hours in PostgreSQL: stage their events and the items that they change, then replace each day.

    An item is staged with the attributes that its events of the day give it.
    """
    days: dict[datetime, dict[datetime, HourState]] = {}
    for hour, state in states.items():
        days.setdefault(floor(hour, DAY), {})[hour] = state
    windows = ranges(states, HOUR)
    gone = database.list_items_in(windows) if any(loaded.get(hour, (0, ""))[0] for hour in states) else []
    database.stage(list(days))
    new = ctx.read(tables.USER_EVENTS).where(in_windows(windows))
    touched = find_latest_of_items(_select_touched_events(ctx, database, new, set(states), gone))
    events, items, counted = run_concurrently(
        ctx.spark,
        lambda: database.copy(format_for_copy(new), "staging_events", EVENTS),
        lambda: database.copy(touched, "staging_items", ITEMS, digest_item()),
        lambda: digest_hours(new).collect(),
    )
    lost: dict[date, list[int]] = {}
    for day, item in gone:
        lost.setdefault(day, []).append(item)
    digests = {row.hour: (row.rows, row.digest) for row in counted}
    staged = []
    for day in sorted(days, reverse=True):  # latest first: an earlier day then rarely changes items
        hours = {hour: (state.valid_rows, state.content_digest or NO_CONTENT) for hour, state in days[day].items()}
        expected = {hour: digests[hour] for hour in hours if hour in digests}
        staged_rows = (copied.get(day.date(), StagedRows()) for copied in (events, items))
        staged.append(StagedDay(day, ranges(hours, HOUR), hours, lost.get(day.date(), []), expected, *staged_rows))
    database.replace(staged)


def _is_to_compare(state: HourState, hours: Window) -> bool:
    """Return whether PostgreSQL may differ from user_events, which has the earlier content of a stopped hour."""
    if state.status == HourStatus.STOPPED:
        return state.valid_rows > 0
    return state.status == HourStatus.COMMITTED or (state.status == HourStatus.LOADED and state.within(hours))


def _select_touched_events(
    ctx: Context, database: PostgresLoader, new: DataFrame, coming: set[datetime], gone: list[tuple[date, int]]
) -> DataFrame:
    """Return all events of the days from which the items that gain or lose events are recomputed.

    These are the events in hours that PostgreSQL has after this load. If all such hours are loaded now, they are the
    `new` events. PostgreSQL's ledger decides which hours it has: Delta's ledger may still call them committed, or
    stopped.
    """
    days = {floor(hour, DAY) for hour in coming}
    valid = ctx.ledger.states(lambda state: state.valid_rows > 0)
    others = {state.hour: state for state in valid if state.hour and floor(state.hour, DAY) in days}
    in_database = database.read_loaded_hours(list(others))
    loaded = {
        hour for hour, state in others.items() if in_database.get(hour, (0, NO_CONTENT))[1] == state.content_digest
    }
    if loaded <= coming:
        return new
    known = in_windows(ranges(loaded | coming, HOUR))
    lost = ctx.spark.createDataFrame(gone, "event_date DATE, item_id BIGINT")
    touched = new.select("event_date", "item_id").union(lost).distinct()
    events = ctx.read(tables.USER_EVENTS).where(known)
    return events.join(F.broadcast(touched), ["event_date", "item_id"], "left_semi")


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
