"""SQL conditions for windows. Delta skips files by them, and a commit replaces the rows that they select."""

from collections.abc import Iterable
from datetime import datetime

from spark_jobs.windows import DAY, HOUR, Window, floor, ranges


def in_windows(windows: Iterable[Window], time: str = "timestamp", day: str | None = "event_date") -> str:
    """Return SQL that selects exactly these windows.

    Whole days are selected by the partition alone, which costs no scan.
    """
    parts = []
    for window in windows:
        first, last = floor(window.start, DAY), floor(window.end - HOUR, DAY)
        dates = f"{day} >= DATE '{first:%Y-%m-%d}' AND {day} <= DATE '{last:%Y-%m-%d}'"
        is_whole_days = window.start == first and window.end == last + DAY
        hours = f"{time} >= TIMESTAMP '{window.start}' AND {time} < TIMESTAMP '{window.end}'"
        parts.append(f"({dates})" if is_whole_days and day else f"({dates} AND {hours})" if day else f"({hours})")
    return " OR ".join(parts) if parts else "false"


def in_days(days: Iterable[datetime], column: str = "event_date") -> str:
    """Return SQL that selects exactly these days."""
    return in_windows(ranges(days, DAY), day=column)
