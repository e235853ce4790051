"""How close a sample came to the figures published for October 2019."""

import numpy as np

from spark_jobs.sample.catalog import Catalog
from spark_jobs.sample.events import Events


def figures(events: Events, shop: Catalog) -> list[tuple[str, str, str]]:
    """Rows of (what, published, here), computed from the arrays that were written."""
    rows = len(events.time)
    kinds = np.bincount(events.kind, minlength=4) / rows * 100
    category = shop.category[events.item]
    nameless = np.array([code is None for code in shop.category_code])
    quantiles = np.percentile(events.price[events.price > 0], [1, 10, 25, 50, 75, 90, 99]) / 100
    top = np.bincount(events.item).max() / rows * 100
    sessions = np.bincount(events.session)
    bought = np.unique(events.session[events.kind == 2]).size / np.count_nonzero(sessions) * 100
    repeats, copies = _repeats(events)
    hours = np.bincount((events.time // 3600) % 24, minlength=24) / rows * 100
    return [
        ("view / cart / purchase, %", "96.07 / 2.18 / 1.75", " / ".join(f"{kinds[i]:.2f}" for i in range(3))),
        ("events per user", "14.0", f"{rows / np.unique(events.user).size:.1f}"),
        ("events per session, mean", "4.6", f"{sessions[sessions > 0].mean():.1f}"),
        (
            "events per session, median / p90",
            "3 / 14",
            "{:.0f} / {:.0f}".format(*np.percentile(sessions[sessions > 0], [50, 90])),
        ),
        ("sessions that buy, %", "6.9", f"{bought:.1f}"),
        ("no category_code, %", "31.84", f"{nameless[category].mean() * 100:.2f}"),
        ("no brand, %", "14.40", f"{(shop.brand[events.item] == 0).mean() * 100:.2f}"),
        ("electronics.smartphone, %", "25.4", f"{(category == 0).mean() * 100:.1f}"),
        ("top product, %", "1.0", f"{top:.1f}"),
        (
            "price p1/p10/p25/p50/p75/p90/p99",
            "6/31/67/161/359/748/1675",
            "/".join(f"{value:.0f}" for value in quantiles),
        ),
        ("price 0, %", "0.16", f"{(events.price == 0).mean() * 100:.2f}"),
        ("same user, product, type within 60 s, %", "18.6", f"{repeats:.1f}"),
        ("exact duplicates, %", "0.07", f"{copies:.2f}"),
        ("busiest / quietest hour, %", "7.3 / 0.45", f"{hours.max():.1f} / {hours.min():.2f}"),
    ]


def _repeats(events: Events) -> tuple[float, float]:
    order = np.lexsort((events.time, events.kind, events.item, events.user))
    same = np.ones(len(order) - 1, bool)
    for name in ("user", "item", "kind"):
        column = getattr(events, name)[order]
        same &= column[1:] == column[:-1]
    gap = np.diff(events.time[order])
    price = np.diff(events.price[order]) == 0
    session = np.diff(events.session[order]) == 0
    return (same & (gap < 60)).mean() * 100, (same & (gap == 0) & price & session).mean() * 100
