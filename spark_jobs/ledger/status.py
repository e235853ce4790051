"""The states of hours and days, derived from the ledger's rows: plain values in, plain values out."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from spark_jobs.flow import LAST_DAY_STEP
from spark_jobs.windows import HOUR, Window, gaps, name

HOURS_A_DAY = 24
UNDATED = "undated"
NO_CONTENT = "0:0:0"
NO_DAY = "nothing"  # the source of a day that was built from no content

Row = dict[str, Any]


@dataclass(frozen=True)
class HourState:
    """An hour (or a file's undated rows): what landed and what the ledger says of it. `status` None: never judged."""

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
        """Whether rows have landed, or were there when it was last judged."""
        return self.landed_rows > 0 or self.valid_rows + self.rejected_rows > 0

    @property
    def dirty(self) -> bool:
        """Never judged, or changed since. An hour whose rows are gone is dirty until it is judged as such."""
        return self.raw_digest != self.landed_digest

    def within(self, window: Window) -> bool:
        """Whether it is an hour of the window."""
        return self.hour is not None and window.start <= self.hour < window.end


def fingerprint(*values: Any) -> str:
    """A digest of contents and settings: what an unchanged build would be built from again."""
    return hashlib.sha256("|".join(map(str, values)).encode()).hexdigest()


def window_key(hour: datetime | None, file_id: int | None = None) -> str:
    """The ledger's key: 2019-10-01T00 for an hour, undated:3 for the rows of file 3 without a usable time."""
    return name(hour, HOUR) if hour else f"{UNDATED}:{file_id}"


def month_of(key: str) -> str:
    """The partition of an hour in hour_status: 2019-10, or undated."""
    return UNDATED if key.startswith(UNDATED) else key[:7]


def states(files: Iterable[Row], hours: Iterable[Row]) -> list[HourState]:
    """Rows of landed_files and of hour_status to hours, in order of time, undated ones last."""
    landed: dict[str, tuple[datetime | None, int | None, list[Row]]] = {}
    for file in files:
        for entry in file["hours"]:
            undated = file["file_id"] if entry["hour"] is None else None
            landed.setdefault(window_key(entry["hour"], undated), (entry["hour"], undated, []))[2].append(entry)
    judged = {row["unit"]: row for row in hours}
    found = [_state(key, landed.get(key), judged.get(key)) for key in landed.keys() | judged.keys()]
    return sorted(found, key=lambda state: (state.hour is None, state.hour or state.file_id))


def _state(key: str, landed: tuple[datetime | None, int | None, list[Row]] | None, judged: Row | None) -> HourState:
    hour, file_id, entries = landed or (judged["hour"], None if judged["hour"] else int(key.partition(":")[2]), [])
    rows, low, high = (sum(entry[key] for entry in entries) for key in ("rows", "low", "high"))
    known = ("status", "raw_digest", "valid_rows", "rejected_rows", "content_digest")
    ledger = {key: judged[key] for key in known} if judged else {}
    return HourState(key, hour, file_id, rows, f"{rows}:{low}:{high}" if rows else NO_CONTENT, **ledger)


def day_inputs(found: Iterable[HourState]) -> dict[date, str]:
    """For each day with committed content, the digest of what user_events holds of it.

    A stopped hour counts with the content that stands from before.
    """
    held: dict[date, list[str]] = {}
    for state in found:
        if state.hour and state.valid_rows:
            held.setdefault(state.hour.date(), []).append(f"{state.window_key}={state.content_digest}")
    return {day: fingerprint(*sorted(entries)) for day, entries in held.items()}


def latest_hour(found: Iterable[HourState], until: datetime) -> datetime | None:
    """The latest hour with rows that is not later than `until`: hours without rows before it are empty."""
    return max(
        (state.hour for state in found if state.hour and state.landed_rows and state.hour <= until), default=None
    )


def missing_hours(found: Iterable[HourState], hours: Window, latest: datetime | None) -> list[Window]:
    """The hours of a window that have no rows and are not empty either, as windows. Costs the rows, not the span."""
    begin = max(hours.start, latest + HOUR) if latest else hours.start
    taken = [state.hour for state in found if state.hour and state.has_rows]
    return gaps(Window(begin, hours.end, HOUR), taken) if begin < hours.end else []


def day_status(found: Iterable[HourState], builds: Iterable[Row], latest: datetime | None) -> list[Row]:
    """Hours and rows of day_builds to rows of day_status, one for each day with an hour that has, or had, rows.

    An hour counts as loaded only while PostgreSQL has what landed. One without rows is empty before `latest`, the last
    hour that landed. A day is dirty when an hour is, or when cleaned_events was built from other content.
    """
    found = list(found)
    by_day: dict[date, list[HourState]] = {}
    for state in found:
        if state.hour:
            by_day.setdefault(state.hour.date(), []).append(state)
    inputs = day_inputs(found)
    last = [row for row in builds if row["step"] == LAST_DAY_STEP.name and row["status"] == "built"]
    built_from = {row["day"]: row["counts"]["source"] for row in last}
    return [_day(day, by_day[day], latest, inputs.get(day), built_from.get(day)) for day in sorted(by_day)]


def _day(
    day: date, hours: list[HourState], latest: datetime | None, content: str | None, built_from: str | None
) -> Mapping[str, Any]:
    taken = {hour.hour for hour in hours if hour.has_rows or hour.dirty}
    start = datetime(day.year, day.month, day.day)
    whole = (start + number * HOUR for number in range(HOURS_A_DAY))
    empty = sum(hour not in taken and latest is not None and hour < latest for hour in whole)
    loaded = sum(hour.status == "loaded" and hour.has_rows and not hour.dirty for hour in hours)
    missing = HOURS_A_DAY - loaded - empty
    built = built_from is not None
    return {
        "day": day,
        "hours_loaded": loaded,
        "hours_empty": empty,
        "hours_stopped": sum(hour.status == "stopped" for hour in hours),
        "hours_missing": missing,
        "complete": missing == 0,
        "dirty": built and (any(hour.dirty for hour in hours) or (content or NO_DAY) != built_from),
        "built": built,
    }
