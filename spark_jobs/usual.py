"""What an hour usually holds: the same hour of the week in the weeks before it. Plain values in, plain values out.

Each hour is judged by itself elsewhere; here it is put beside its like, so that a quiet loss (no purchases where there
always were some, prices in another unit, a source that sends ever more rubbish) is a warning and not a surprise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pandas as pd

from spark_jobs.settings_types import Usual
from spark_jobs.states import Row

WEEK = timedelta(weeks=1)
IGNORED = "event_type_ignored"
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Seen:
    """What an hour held: rows by event type, the share of rejected rows, the mean of its prices (None: no price)."""

    types: Mapping[str, float]
    reject_share: float
    mean_price: float | None


def beside(hours: pd.DataFrame, ledger: Iterable[Row], types: Sequence[str], limits: Usual) -> pd.DataFrame:
    """`hours` (measures by unit) with `usual_<type>_share`, `usual_reject_rise` and `usual_price_drift`.

    Not a number where too few of the weeks before are known, or hold too few rows. Hours of the same run count too, so
    that a month in one go is judged like one that came hour by hour.
    """
    found = {datetime.fromisoformat(row["unit"]): _of_measures(row, types) for row in hours.to_dict("records")}
    asked = {hour - n * WEEK for hour in found for n in range(1, limits.weeks + 1)}
    known = {row["hour"]: _of_ledger(row) for row in ledger if row["hour"] in asked and row.get("types")} | found
    columns = [_measures(seen, _before(known, hour, limits), types, limits) for hour, seen in found.items()]
    return hours.assign(**{name: [row[name] for row in columns] for name in columns[0]}) if columns else hours


def _before(known: Mapping[datetime, Seen], hour: datetime, limits: Usual) -> list[Seen]:
    """The same hour of the weeks before; empty where too few are known."""
    weeks = [known[at] for n in range(1, limits.weeks + 1) if (at := hour - n * WEEK) in known]
    return weeks if len(weeks) >= limits.known_weeks else []


def _measures(seen: Seen, before: Sequence[Seen], types: Sequence[str], limits: Usual) -> dict[str, float]:
    found = {}
    for name in types:
        usual = median(week.types.get(name, 0) for week in before) if before else 0
        found[f"usual_{name}_share"] = seen.types.get(name, 0) / usual if usual >= limits.least_rows else UNKNOWN
    rise = seen.reject_share - median(week.reject_share for week in before) if before else UNKNOWN
    many = sum(seen.types.values()) >= limits.least_rows
    prices = [week.mean_price for week in before if week.mean_price]
    drift = abs(seen.mean_price / median(prices) - 1) if prices and seen.mean_price and many else UNKNOWN
    return found | {"usual_reject_rise": rise if many else UNKNOWN, "usual_price_drift": drift}


def _of_ledger(row: Row) -> Seen:
    ignored = dict(row["reasons"] or {}).get(IGNORED, 0)
    judged = row["raw_rows"] - ignored
    share = (row["rejected_rows"] - ignored) / judged if judged else 0.0
    return Seen(dict(row["types"]), share, float(row["mean_price"]) if row["mean_price"] is not None else None)


def _of_measures(row: Mapping[str, Any], types: Sequence[str]) -> Seen:
    mean = row["price_sum"] / row["priced_rows"] if row["priced_rows"] else None
    return Seen({name: row[f"{name}_rows"] for name in types}, row["reject_share"], mean)
