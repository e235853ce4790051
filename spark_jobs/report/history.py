"""The figures that need only the ledger: the calendar of hours, and what each of the last runs did."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from spark_jobs.ledger.status import HourState, classify_days, latest_hour
from spark_jobs.ledger_rows import HourRow
from spark_jobs.session import now
from spark_jobs.windows import describe_gap

Run = dict[str, Any]  # a point of the trends, as JSON keeps it
MOST_DAYS = 62  # rows of the calendar
MOST_RUNS = 30  # points of a trend


def build_calendar(states: Sequence[HourState]) -> dict[str, Any]:
    """Return what each hour of the latest days is, and the rows that landed for each day.

    `gap`: the days without rows before a day. `earlier`: the number of days with rows before those listed.
    """
    days = classify_days(states, latest_hour(states, now()))
    rows: Counter[date] = Counter()
    for state in states:
        if state.hour:
            rows[state.hour.date()] += state.landed_rows
    shown = list(days)[-MOST_DAYS:]
    gaps = {day: describe_gap(before, day) for before, day in pairwise(shown)}
    listed = [{"day": str(day), "gap": gaps.get(day), "rows": rows[day], "hours": days[day]} for day in shown]
    return {"days": listed, "earlier": len(days) - len(shown)}


def add_run(hours: Iterable[HourRow], seconds: Mapping[str, float], earlier: Sequence[Run]) -> list[Run]:
    """Return the last runs, oldest first: the `earlier` ones, and what happened since, from the rows of hour_status.

    A run has the hours that were validated or loaded since the run before; the first one has all hours. If there are
    none, no run is added. `rows`: the committed rows of these hours. `mean_price`: the mean of their mean prices,
    weighted by their valid rows. `until`: when the ledger was last changed.
    """
    since = earlier[-1]["until"] if earlier else ""
    changed = [row for row in hours if row["updated_at"].isoformat() > since]
    if not changed:
        return list(earlier)
    run = {
        "at": f"{now():%Y-%m-%d %H:%M}",
        "until": max(row["updated_at"] for row in changed).isoformat(),
        "hours": len(changed),
        "rows": sum(row["valid_rows"] + row["rejected_rows"] for row in changed),
        "rejected": sum(row["rejected_rows"] for row in changed),
        "mean_price": _compute_mean_price(changed),
        "seconds": sum(seconds.values()),
    }
    return [*earlier, run][-MOST_RUNS:]


def _compute_mean_price(hours: Iterable[HourRow]) -> float | None:
    priced = [(row["mean_price"], row["valid_rows"]) for row in hours if row["mean_price"] is not None]
    rows = sum(rows for _, rows in priced)
    return round(float(sum(price * rows for price, rows in priced) / rows), 2) if rows else None
