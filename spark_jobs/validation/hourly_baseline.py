"""What an hour usually contains: the same hour of the week in the weeks before it. Plain values in, plain values out.

Other modules validate each hour on its own. Here it is compared with the same hour of earlier weeks, so that silent
data loss is a warning: no purchases where there always were some, prices in another unit, more and more rejected rows.
"""

from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pandas as pd

from spark_jobs.ledger.status import window_key
from spark_jobs.ledger_rows import HourRow
from spark_jobs.settings.types import Usual

WEEK = timedelta(weeks=1)
IGNORED = "event_type_ignored"
UNKNOWN = float("nan")


@dataclass(frozen=True)
class HourContent:
    """The content of an hour: rows by event type, share of rejected rows, mean price (None: no price)."""

    types: Mapping[str, float]
    reject_share: float
    mean_price: Decimal | None


def compare_with_baseline(
    hours: pd.DataFrame, stopped: Container[str], ledger: Iterable[HourRow], types: Sequence[str], limits: Usual
) -> pd.DataFrame:
    """Add to `hours` (measures by hour) the comparison with earlier weeks.

    The columns are `usual_<type>_rows` and `_share`, `usual_reject_rise` and `usual_price_drift`. A value is NaN where
    too few earlier weeks are known, or have too few rows. The earlier weeks come from `ledger`, without the hours of
    this run, and from this run, without the hours that it stops. So a month in one run gets the same verdicts as hour
    by hour.
    """
    found = {datetime.fromisoformat(row["unit"]): _read_measures(row, types) for row in hours.to_dict("records")}
    earlier_hours = {hour - n * WEEK for hour in found for n in range(1, limits.weeks + 1)}
    known = {
        row["hour"]: _read_ledger_row(row)
        for row in ledger
        if row["hour"] in earlier_hours and row["types"] and row["raw_rows"]
    }
    known |= {hour: seen for hour, seen in found.items() if window_key(hour) not in stopped}
    columns = [
        _compare_hour(seen, _find_earlier_weeks(known, hour, limits), types, limits) for hour, seen in found.items()
    ]
    return hours.assign(**{name: [row[name] for row in columns] for name in columns[0]}) if columns else hours


def compute_mean_price(total: float, rows: int) -> Decimal | None:
    """Return the mean of an hour's prices above 0, to four decimals; None where there are none."""
    return Decimal(total / rows).quantize(Decimal("0.0001")) if rows else None


def _find_earlier_weeks(known: Mapping[datetime, HourContent], hour: datetime, limits: Usual) -> list[HourContent]:
    """Return the same hour of the earlier weeks; empty where too few are known."""
    weeks = [known[at] for n in range(1, limits.weeks + 1) if (at := hour - n * WEEK) in known]
    return weeks if len(weeks) >= limits.known_weeks else []


def _compare_hour(
    seen: HourContent, before: Sequence[HourContent], types: Sequence[str], limits: Usual
) -> dict[str, float]:
    found: dict[str, float] = {}
    for kind in types:
        rows = median(week.types.get(kind, 0) for week in before) if before else UNKNOWN
        share = seen.types.get(kind, 0) / rows if before and rows >= limits.least_rows else UNKNOWN
        found |= {f"usual_{kind}_rows": rows, f"usual_{kind}_share": share}
    rise = seen.reject_share - median(week.reject_share for week in before) if before else UNKNOWN
    has_enough = sum(seen.types.values()) >= limits.least_rows
    prices = [float(week.mean_price) for week in before if week.mean_price]
    drift = abs(float(seen.mean_price) / median(prices) - 1) if prices and seen.mean_price and has_enough else UNKNOWN
    return found | {"usual_reject_rise": rise if has_enough else UNKNOWN, "usual_price_drift": drift}


def _read_ledger_row(row: HourRow) -> HourContent:
    ignored = dict(row["reasons"] or {}).get(IGNORED, 0)
    judged = row["raw_rows"] - ignored
    share = (row["rejected_rows"] - ignored) / judged if judged else 0.0
    return HourContent(row["types"] or {}, share, row["mean_price"])


def _read_measures(row: Mapping[Hashable, Any], types: Sequence[str]) -> HourContent:
    counts = {kind: row[f"{kind}_events"] for kind in types}
    return HourContent(counts, row["reject_share"], compute_mean_price(row["price_sum"], row["priced_rows"]))
