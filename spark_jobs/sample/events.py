"""Sessions and their events as arrays of users, times, types and items, drawn without a loop over rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from spark_jobs.sample.catalog import Catalog
from spark_jobs.windows import HOUR, Window

# Share of events by UTC hour in October 2019, in percent.
HOUR_SHARES = np.array(
    [
        [0.65, 1.3, 2.4, 3.6, 4.9, 5.0, 5.3, 5.5, 5.7, 5.5, 5.7, 5.5],
        [5.1, 5.7, 6.2, 7.3, 6.2, 6.4, 5.0, 3.2, 1.8, 1.2, 0.8, 0.45],
    ]
).ravel()
EVENTS_PER_USER, EVENTS_PER_VISIT = 14.0, 6.0
# A visit ends with half an hour without an event. Within a visit the shop sometimes begins a new user_session.
VISIT_MEDIAN, VISIT_SIGMA, LONGEST_VISIT = 2.7, 1.25, 500
NEW_SESSION = 0.095
REPEAT_SHARE = 0.20  # of a session's later events; 18 % of all rows then repeat within a minute
BUYING, CARTING = 0.117, 0.112
VIEW, CART, PURCHASE, RATING = range(4)
TYPES = ("view", "cart", "purchase", "rating")
FURTHER_SHARE = 0.01  # of the views, for each type that October 2019 does not have


@dataclass(frozen=True)
class Content:
    """What is generated beside views, carts and purchases.

    `ratings`: rating events. `further`: event types that the settings add. `taste`: the number of user clusters, each
    with its own categories.
    """

    ratings: bool = False
    taste: int = 0
    further: Sequence[str] = ()


@dataclass
class Events:
    """Columns of the rows in order of time.

    `time`: seconds since 1970; `kind`: place in TYPES, then in the further types; `price`: cents; `rating`: 0 is none.
    """

    time: np.ndarray
    kind: np.ndarray
    item: np.ndarray
    price: np.ndarray
    user: np.ndarray
    session: np.ndarray
    rating: np.ndarray


def draw(shop: Catalog, rows: int, hours: Window, rng: np.random.Generator, content: Content) -> Events:
    """Draw `rows` events within these hours."""
    length = _draw_lengths(rows, rng)
    visit = np.repeat(np.arange(len(length)), length)
    first = np.cumsum(length) - length
    place = np.arange(rows) - first[visit]
    kind = _choose_kinds(visit, place, length[visit] - place - 1, rng)
    again = (place > 0) & ((kind != VIEW) | (rng.random(rows) < REPEAT_SHARE))
    user = _draw_users(len(length), rows, rng)
    drawn = _draw_items(shop, visit, user, rng, content.taste)
    item = drawn[np.maximum.accumulate(np.where(again, 0, np.arange(rows)))]
    time = _draw_times(hours, visit, first, place, again, rng)
    session = np.cumsum((place == 0) | (~again & (rng.random(rows) < NEW_SESSION))) - 1
    added = ([RATING] if content.ratings else []) + [len(TYPES) + place for place in range(len(content.further))]
    for number in added:
        kind[(kind == VIEW) & (rng.random(rows) < FURTHER_SHARE)] = number
    rating = np.where((kind == RATING) & (rng.random(rows) < 0.85), rng.integers(1, 6, rows), 0)
    events = Events(time, kind, item, _draw_prices(shop, item, time, kind, rng), user[visit], session, rating)
    return _sort_by_time(_add_duplicates(events, place, rng))


def _choose_kinds(visit: np.ndarray, place: np.ndarray, left: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return event types: views, except at the ends of visits that buy or fill a cart.

    `place` and `left` count the events of a visit from both ends.
    """
    visits, rows = visit[-1] + 1, len(visit)
    buys, carts = rng.random(visits) < BUYING, rng.random(visits) < CARTING
    kind = np.zeros(rows, np.int8)
    kind[(left == 0) & (place > 0) & buys[visit]] = PURCHASE
    kind[(left == 1) & (place > 1) & buys[visit] & (rng.random(rows) < 0.33)] = PURCHASE
    kind[(left == 1) & (place > 0) & (kind == VIEW) & (buys | carts)[visit] & (rng.random(rows) < 0.62)] = CART
    kind[(left == 0) & (place > 0) & carts[visit] & ~buys[visit]] = CART
    return kind


def _draw_lengths(rows: int, rng: np.random.Generator) -> np.ndarray:
    guess = int(rows / EVENTS_PER_VISIT * 1.3) + 50
    drawn = np.exp(np.log(VISIT_MEDIAN) + VISIT_SIGMA * rng.standard_normal(guess))
    length: np.ndarray = np.clip(np.ceil(drawn), 1, LONGEST_VISIT).astype(np.int64)
    last = int(np.searchsorted(np.cumsum(length), rows))
    length = length[: last + 1]
    length[-1] -= length.sum() - rows
    return length


def _draw_users(visits: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return the user of each visit. The distribution is heavy-tailed: a few users have thousands of visits."""
    people = max(1, int(rows / EVENTS_PER_USER * 1.33))
    weight = np.cumsum(1.0 / (np.arange(people) + 30.0) ** 0.55)
    places = np.searchsorted(weight / weight[-1], rng.random(visits))
    number = np.sort(rng.choice(200_000_000, people, replace=False)) + 400_000_000
    return rng.permutation(number)[places]


def _draw_items(shop: Catalog, visit: np.ndarray, user: np.ndarray, rng: np.random.Generator, taste: int) -> np.ndarray:
    """Return items. Most events of a visit are in one category; with `taste`, a cluster's users keep its categories."""
    count = len(user)
    home = rng.choice(len(shop.category_share), count, p=shop.category_share)
    if taste:
        home = np.minimum(home - home % taste + user % taste, len(shop.category_share) - 1)
    anywhere = rng.choice(len(shop.category_share), len(visit), p=shop.category_share)
    category = np.where(rng.random(len(visit)) < 0.7, home[visit], anywhere)
    low = np.where(shop.starts[category] > 0, shop.cumulative[shop.starts[category] - 1], 0.0)
    high = shop.cumulative[shop.starts[category + 1] - 1]
    places = np.searchsorted(shop.cumulative, low + rng.random(len(visit)) * (high - low), side="right")
    found: np.ndarray = np.minimum(places, len(shop.item_id) - 1)
    return found


def _draw_times(
    hours: Window, visit: np.ndarray, first: np.ndarray, place: np.ndarray, again: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    start, count = hours.start, (hours.end - hours.start) // HOUR
    share = HOUR_SHARES[(start.hour + np.arange(count)) % 24]
    hour = rng.choice(count, len(first), p=share / share.sum())
    begin = hour * 3600 + rng.integers(0, 3600, len(first))
    gap = np.where(
        again, np.minimum(rng.exponential(18, len(visit)), 59), np.exp(3.6 + 1.1 * rng.standard_normal(len(visit)))
    )
    gap = np.where(place == 0, 0, np.maximum(gap, 1)).astype(np.int64)
    along = np.cumsum(gap)
    offset = along - along[first][visit]
    base = int((start - datetime(1970, 1, 1)).total_seconds())
    time: np.ndarray = base + np.minimum(begin[visit] + offset, count * 3600 - 1)
    return time


def _draw_prices(
    shop: Catalog, item: np.ndarray, time: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return base prices with a small drift by day; 0.16 % of views show 0."""
    day = time // 86_400
    drift = ((item * 2_654_435_761 + day * 40_503) % 1_000) / 1_000 * 0.04 - 0.02
    price = np.maximum(np.round(shop.price[item] * (1 + drift)), 1).astype(np.int64)
    return np.where((kind == VIEW) & (rng.random(len(item)) < 0.00165), 0, np.minimum(price, 257_407))


def _add_duplicates(events: Events, place: np.ndarray, rng: np.random.Generator) -> Events:
    """Turn 0.07 % of the rows into exact copies of the row before them in the same session."""
    copies = np.flatnonzero((place > 0) & (events.kind == VIEW) & (rng.random(len(place)) < 0.00085))
    for name in ("time", "kind", "item", "price", "rating"):
        column = getattr(events, name)
        column[copies] = column[copies - 1]
    return events


def _sort_by_time(events: Events) -> Events:
    order = np.argsort(events.time, kind="stable")
    return Events(*(getattr(events, name)[order] for name in Events.__dataclass_fields__))
