"""Windows as SQL conditions: what Delta prunes files by, and what a commit replaces."""

from collections.abc import Iterable
from datetime import datetime

from spark_jobs.windows import DAY, HOUR, Window, floor, ranges


def in_windows(windows: Iterable[Window], time: str = "timestamp", day: str | None = "event_date") -> str:
    """SQL that names exactly these windows; whole days are named by the partition alone, which costs no scan."""
    parts = []
    for window in windows:
        first, last = floor(window.start, DAY), floor(window.end - HOUR, DAY)
        dates = f"{day} >= DATE '{first:%Y-%m-%d}' AND {day} <= DATE '{last:%Y-%m-%d}'"
        whole = window.start == first and window.end == last + DAY
        hours = f"{time} >= TIMESTAMP '{window.start}' AND {time} < TIMESTAMP '{window.end}'"
        parts.append(f"({dates})" if whole and day else f"({dates} AND {hours})" if day else f"({hours})")
    return " OR ".join(parts) if parts else "false"


def in_days(days: Iterable[datetime], column: str = "event_date") -> str:
    """SQL that names exactly these days."""
    return in_windows(ranges(days, DAY), day=column)
