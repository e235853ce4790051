"""The states of hours and days, derived from the ledger's rows. Input and output are plain values."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from spark_jobs.flow import LAST_DAY_STEP
from spark_jobs.ledger_rows import BuildRow, DayRow, FileHour, FileRow, HourRow
from spark_jobs.tables import BuildStatus, HourStatus
from spark_jobs.windows import HOUR, Window, gaps, name, parse_day

HOURS_A_DAY = 24
UNDATED = "undated"
NO_CONTENT = "0:0:0"
NO_DAY = "nothing"  # the source of a day that was built from no content


class HourKind(StrEnum):
    """What an hour of a day is: exactly one of these."""

    LOADED = "loaded"  # PostgreSQL has the rows that landed
    EMPTY = "empty"  # no rows, and a later hour has landed
    STOPPED = "stopped"  # the hour failed its verdict
    LATE = "late"  # rows landed or changed, and PostgreSQL does not have them yet
    MISSING = "missing"  # no rows, and no later hour has landed


@dataclass(frozen=True)
class HourState:
    """An hour (or a file's undated rows): what landed, and what the ledger records of it.

    `status` None: never validated.
    """

    window_key: str
    hour: datetime | None
    file_id: int | None
    landed_rows: int
    landed_digest: str
    status: str | None = None
    raw_digest: str | None = None
    valid_rows: int = 0
    rejected_rows: int = 0
    content_digest: str | None = None

    @property
    def has_rows(self) -> bool:
        """Return whether rows have landed, or had landed when the hour was last validated."""
        return self.landed_rows > 0 or self.valid_rows + self.rejected_rows > 0

    @property
    def dirty(self) -> bool:
        """Return whether the hour was never validated, or has changed since.

        An hour whose rows are gone is dirty until it is validated again.
        """
        return self.raw_digest != self.landed_digest

    def within(self, window: Window) -> bool:
        """Return whether it is an hour of the window."""
        return self.hour is not None and window.start <= self.hour < window.end


def fingerprint(*values: Any) -> str:
    """Return a digest of contents and settings. It is the same for two builds from the same input."""
    return hashlib.sha256("|".join(map(str, values)).encode()).hexdigest()


def window_key(hour: datetime | None, file_id: int | None = None) -> str:
    """Return the ledger's key: 2019-10-01T00 for an hour, undated:3 for the rows of file 3 without a usable time."""
    return name(hour, HOUR) if hour else f"{UNDATED}:{file_id}"


def month_of(key: str) -> str:
    """Return the partition of an hour in hour_status: 2019-10, or undated."""
    return UNDATED if key.startswith(UNDATED) else key[:7]


def states(files: Iterable[FileRow], hours: Iterable[HourRow]) -> list[HourState]:
    """Return the hours from rows of landed_files and of hour_status, ordered by time, undated ones last."""
    landed: dict[str, tuple[datetime | None, int | None, list[FileHour]]] = {}
    for file in files:
        for entry in file["hours"]:
            undated = file["file_id"] if entry["hour"] is None else None
            landed.setdefault(window_key(entry["hour"], undated), (entry["hour"], undated, []))[2].append(entry)
    judged = {row["unit"]: row for row in hours}
    found = [_derive_state(key, landed.get(key), judged.get(key)) for key in landed.keys() | judged.keys()]
    return sorted(found, key=lambda state: (state.hour is None, state.hour or state.file_id))


def _derive_state(
    key: str, landed: tuple[datetime | None, int | None, list[FileHour]] | None, judged: HourRow | None
) -> HourState:
    row: HourRow = judged or {}
    hour, file_id, entries = landed or (row["hour"], None if row["hour"] else int(key.partition(":")[2]), [])
    rows, low, high = (sum(entry[key] for entry in entries) for key in ("rows", "low", "high"))
    return HourState(
        key,
        hour,
        file_id,
        landed_rows=rows,
        landed_digest=f"{rows}:{low}:{high}" if rows else NO_CONTENT,
        status=row.get("status"),
        raw_digest=row.get("raw_digest"),
        valid_rows=row.get("valid_rows", 0),
        rejected_rows=row.get("rejected_rows", 0),
        content_digest=row.get("content_digest"),
    )


def day_inputs(found: Iterable[HourState]) -> dict[date, str]:
    """Return, for each day with committed content, the digest of what user_events has of it.

    A stopped hour counts with its existing content.
    """
    entries_by_day: dict[date, list[str]] = {}
    for state in found:
        if state.hour and state.valid_rows:
            entries_by_day.setdefault(state.hour.date(), []).append(f"{state.window_key}={state.content_digest}")
    return {day: fingerprint(*sorted(entries)) for day, entries in entries_by_day.items()}


def latest_hour(found: Iterable[HourState], until: datetime) -> datetime | None:
    """Return the latest hour with rows that is not later than `until`.

    Hours without rows before it count as empty.
    """
    return max(
        (state.hour for state in found if state.hour and state.landed_rows and state.hour <= until), default=None
    )


def missing_hours(found: Iterable[HourState], hours: Window, latest: datetime | None) -> list[Window]:
    """Return the hours of a window that have no rows and are not empty either, as windows.

    The cost depends on the number of rows, not on the length of the window.
    """
    begin = max(hours.start, latest + HOUR) if latest else hours.start
    taken = [state.hour for state in found if state.hour and state.has_rows]
    return gaps(Window(begin, hours.end, HOUR), taken) if begin < hours.end else []


def classify_days(found: Iterable[HourState], latest: datetime | None) -> dict[date, list[HourKind]]:
    """Return, for each day with an hour that has, or had, rows, what its 24 hours are, in order.

    `latest`: the last hour that landed.
    """
    return {
        day: [_classify_hour(hour, by_hour.get(hour), latest) for hour in _list_hours(day)]
        for day, by_hour in sorted(_group_by_day(found).items())
    }


def _group_by_day(found: Iterable[HourState]) -> dict[date, dict[datetime, HourState]]:
    by_day: dict[date, dict[datetime, HourState]] = {}
    for state in found:
        if state.hour:
            by_day.setdefault(state.hour.date(), {})[state.hour] = state
    return by_day


def _list_hours(day: date) -> list[datetime]:
    start = parse_day(day)
    return [start + number * HOUR for number in range(HOURS_A_DAY)]


def _classify_hour(hour: datetime, state: HourState | None, latest: datetime | None) -> HourKind:
    if state is not None and state.status == HourStatus.STOPPED:
        return HourKind.STOPPED
    if state is not None and (state.has_rows or state.dirty):
        return HourKind.LOADED if state.status == HourStatus.LOADED and not state.dirty else HourKind.LATE
    return HourKind.EMPTY if latest is not None and hour < latest else HourKind.MISSING


def day_status(found: Iterable[HourState], builds: Iterable[BuildRow], latest: datetime | None) -> list[DayRow]:
    """Return the rows of day_status, one for each day with an hour that has, or had, rows.

    An hour counts as loaded only while PostgreSQL has the content that landed. An hour without rows is empty before
    `latest`, the last hour that landed. A day is dirty when one of its hours is dirty, or when cleaned_events was built
    from other content.
    """
    found = list(found)
    inputs = day_inputs(found)
    last = [row for row in builds if row["step"] == LAST_DAY_STEP.name and row["status"] == BuildStatus.BUILT]
    built_from = {row["day"]: row["counts"]["source"] for row in last}
    dirty = {state.hour.date() for state in found if state.hour and state.dirty}
    return [
        _derive_day(day, kinds, day in dirty, inputs.get(day), built_from.get(day))
        for day, kinds in classify_days(found, latest).items()
    ]


def _derive_day(day: date, hours: list[HourKind], dirty: bool, content: str | None, built_from: str | None) -> DayRow:
    loaded, empty = hours.count(HourKind.LOADED), hours.count(HourKind.EMPTY)
    missing = HOURS_A_DAY - loaded - empty
    built = built_from is not None
    return {
        "day": day,
        "hours_loaded": loaded,
        "hours_empty": empty,
        "hours_stopped": hours.count(HourKind.STOPPED),
        "hours_missing": missing,
        "complete": missing == 0,
        "dirty": built and (dirty or (content or NO_DAY) != built_from),
        "built": built,
    }
