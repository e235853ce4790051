"""The comparison of a sample with the figures published for October 2019."""

import numpy as np

from spark_jobs.sample.catalog import Catalog
from spark_jobs.sample.events import Events

VISIT_GAP = 30 * 60  # seconds


def compute_figures(events: Events, shop: Catalog) -> list[tuple[str, str, str]]:
    """Return rows of (figure, published value, value here), computed from the arrays that were written."""
    rows = len(events.time)
    hours = np.bincount((events.time // 3600) % 24, minlength=24) / rows * 100
    return [
        (
            "view / cart / purchase, %",
            "96.07 / 2.18 / 1.75",
            _format_shares(np.bincount(events.kind, minlength=4)[:3] / rows),
        ),
        ("events per user", "14.0", f"{rows / np.unique(events.user).size:.1f}"),
        *_compute_session_figures(events),
        *_compute_item_figures(events, shop),
        *_compute_repeat_figures(events),
        ("busiest / quietest hour, %", "7.3 / 0.45", f"{hours.max():.1f} / {hours.min():.2f}"),
    ]


def _format_shares(shares: np.ndarray) -> str:
    return " / ".join(f"{share * 100:.2f}" for share in shares)


def _compute_session_figures(events: Events) -> list[tuple[str, str, str]]:
    """Return the figures of user_session and of visits: events of a user without a gap of more than half an hour."""
    per_session = np.bincount(events.session)
    bought = np.unique(events.session[events.kind == 2]).size / np.count_nonzero(per_session) * 100
    order = np.lexsort((events.time, events.user))
    begins = (np.diff(events.user[order], prepend=-1) != 0) | (np.diff(events.time[order], prepend=0) > VISIT_GAP)
    per_visit = np.bincount(np.cumsum(begins) - 1)
    quantiles = "{:.0f} / {:.0f}".format(*np.percentile(per_visit, [50, 90]))
    return [
        ("events per session", "4.6", f"{per_session[per_session > 0].mean():.1f}"),
        ("sessions that buy, %", "6.9", f"{bought:.1f}"),
        ("events per visit, median / p90", "3 / 14", quantiles),
    ]


def _compute_item_figures(events: Events, shop: Catalog) -> list[tuple[str, str, str]]:
    category = shop.category[events.item]
    nameless = np.array([code is None for code in shop.category_code])[category]
    prices = np.percentile(events.price[events.price > 0], [1, 10, 25, 50, 75, 90, 99]) / 100
    return [
        ("no category_code, %", "31.84", f"{nameless.mean() * 100:.2f}"),
        ("no brand, %", "14.40", f"{(shop.brand[events.item] == 0).mean() * 100:.2f}"),
        ("electronics.smartphone, %", "25.4", f"{(category == 0).mean() * 100:.1f}"),
        ("top product, %", "1.0", f"{np.bincount(events.item).max() / len(events.item) * 100:.1f}"),
        ("price p1/10/25/50/75/90/99", "6/31/67/161/359/748/1675", "/".join(f"{value:.0f}" for value in prices)),
        ("price 0, %", "0.16", f"{(events.price == 0).mean() * 100:.2f}"),
    ]


def _compute_repeat_figures(events: Events) -> list[tuple[str, str, str]]:
    order = np.lexsort((events.time, events.kind, events.item, events.user))
    same = np.ones(len(order) - 1, bool)
    for name in ("user", "item", "kind"):
        same &= np.diff(getattr(events, name)[order]) == 0
    gap = np.diff(events.time[order])
    is_exact = (np.diff(events.price[order]) == 0) & (np.diff(events.session[order]) == 0)
    return [
        ("same user, item, type within 60 s, %", "18.6", f"{(same & (gap < 60)).mean() * 100:.1f}"),
        ("exact duplicates, %", "0.07", f"{(same & (gap == 0) & is_exact).mean() * 100:.2f}"),
    ]
