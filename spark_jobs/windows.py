"""Windows of time: half-open [start, end), UTC, whole hours or whole days."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from spark_jobs.errors import SettingsError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.\d+)?)?)?)?(?:Z|\+00:?00| ?UTC)?\Z")


@dataclass(frozen=True)
class Window:
    """A range [start, end) of whole hours or days (`duration`). The datetimes are naive and in UTC."""

    start: datetime
    end: datetime
    duration: timedelta = HOUR

    def __str__(self) -> str:
        return f"{name(self.start, self.duration)} to {name(self.end, self.duration)}"

    def starts(self) -> list[datetime]:
        """Return the start of every hour or day in the window."""
        return [self.start + i * self.duration for i in range((self.end - self.start) // self.duration)]


def parse(start: str | None, end: str | None, duration: timedelta, now: datetime) -> Window:
    """Return the window that `--start` and `--end` mean. An instant inside an hour or day means all of it.

    Without `start` it is the last full hour or day before `now`; without `end` it is one hour or day. Raises
    SettingsError.
    """
    try:
        return _parse_window(start, end, duration, now)
    except OverflowError as error:
        raise SettingsError(f"--start {start} --end {end}: the calendar ends with the year 9999.") from error


def _parse_window(start: str | None, end: str | None, duration: timedelta, now: datetime) -> Window:
    first = floor(parse_instant("--start", start), duration) if start else floor(now, duration) - duration
    if not end:
        return Window(first, first + duration, duration)
    if not start:
        raise SettingsError("--end needs --start.")
    last = parse_instant("--end", end)
    last = floor(last, duration) + (duration if floor(last, duration) < last else timedelta(0))
    if last <= first:
        raise SettingsError(f"--end {end} must be later than --start {start}: windows are half-open [start, end).")
    return Window(first, last, duration)


def floor(instant: datetime, duration: timedelta) -> datetime:
    """Return the start of the hour or day that contains `instant`."""
    return datetime.min + (instant - datetime.min) // duration * duration


def name(instant: datetime, duration: timedelta) -> str:
    """Return the name of an hour (2019-10-01T05) or of a day (2019-10-01)."""
    return instant.strftime("%Y-%m-%d" if duration == DAY else "%Y-%m-%dT%H")


def ranges(instants: Iterable[datetime], duration: timedelta) -> list[Window]:
    """Return the fewest windows that contain exactly these hours or days."""
    merged: list[Window] = []
    for instant in sorted(set(instants)):
        if merged and merged[-1].end == instant:
            merged[-1] = Window(merged[-1].start, instant + duration, duration)
        else:
            merged.append(Window(instant, instant + duration, duration))
    return merged


def gaps(window: Window, taken: Iterable[datetime]) -> list[Window]:
    """Return what is left of a window without these hours or days of it, as the fewest windows."""
    found, begin = [], window.start
    for instant in sorted({each for each in taken if window.start <= each < window.end}):
        if begin < instant:
            found.append(Window(begin, instant, window.duration))
        begin = instant + window.duration
    return [*found, Window(begin, window.end, window.duration)] if begin < window.end else found


def describe(instants: Iterable[datetime], duration: timedelta, most: int = 3) -> str:
    """Return hours or days as a person writes them: '2019-10-01T02, 2019-10-01T05 to 2019-10-01T08 and 4 more'."""
    return describe_windows(ranges(instants, duration), duration, most)


def describe_windows(found: Sequence[Window], duration: timedelta, most: int = 3) -> str:
    """Return the same text as `describe`, but for windows."""
    texts = [
        name(each.start, duration)
        + (f" to {name(each.end - duration, duration)}" if each.end - each.start > duration else "")
        for each in found[:most]
    ]
    left = sum((each.end - each.start) // duration for each in found[most:])
    return ", ".join(texts) + (f" and {left} more" if left else "")


def describe_gap(before: date, after: date) -> str | None:
    """Return the days without rows between two days with rows, as one range; None where there are none."""
    first, days = before + DAY, (after - before).days - 1
    if days < 1:
        return None
    return f"{first}: no rows" if days == 1 else f"{first} to {after - DAY}: no rows ({days:,} days)"


def parse_instant(option: str, text: str) -> datetime:
    """Return the time that an option's text means. Raises SettingsError, naming the option, where it is not a time."""
    match = _FORM.match(text.strip())
    try:
        parts = match.groups(default="0") if match else ()
        year, month, day, hour, minute, second = (int(part) for part in parts)
        return datetime(year, month, day, hour, minute, second)
    except (AttributeError, ValueError) as error:
        raise SettingsError(f"{option} {text}: write 2019-10-01 or 2019-10-01T05 (UTC).") from error


def parse_day(day: date) -> datetime:
    """Return the midnight (UTC) at the start of a day."""
    return datetime(day.year, day.month, day.day)
