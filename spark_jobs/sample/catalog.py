"""The shop that a sample is drawn from: categories, items, brands, prices. Calibrated on October 2019."""

from dataclasses import dataclass

import numpy as np

CATEGORIES = 624
LARGEST_SHARE = 0.26  # electronics.smartphone
WITHOUT_CODE = 0.318
WITHOUT_BRAND = 0.144
# PRICES: the quantiles of the events' prices at PRICE_SHARES.
PRICE_SHARES = (0.0, 0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99, 1.0)
PRICES = (0.77, 6.2, 31.0, 67.0, 161.0, 359.0, 748.0, 1675.0, 2574.07)
FIRST_CATEGORY = 2053013552226107603
ROOTS = ("electronics", "appliances", "computers", "apparel", "furniture", "auto", "kids", "construction", "sport")
LEAVES = (
    "kitchen",
    "audio",
    "video",
    "shoes",
    "tools",
    "light",
    "clocks",
    "toys",
    "bags",
    "sofa",
    "bed",
    "tire",
    "pet",
)
KNOWN_BRANDS = ("samsung", "apple", "xiaomi", "huawei", "lucente")
KNOWN_SHARES = (0.30, 0.24, 0.18, 0.06, 0.04)
SYLLABLES = ("ba", "co", "di", "fu", "ga", "lo", "mi", "na", "pe", "ri", "so", "ta", "ve", "xo", "zu")


@dataclass(frozen=True)
class Catalog:
    """Items ordered by category. `cumulative`: running sum of their popularity; `starts`: bounds of each category.

    `price` is the base price in cents; `brand` indexes `brands` (0: none); `category_code` maps categories to text.
    """

    item_id: np.ndarray
    category: np.ndarray
    brand: np.ndarray
    price: np.ndarray
    cumulative: np.ndarray
    starts: np.ndarray
    category_share: np.ndarray
    category_id: np.ndarray
    category_code: list[str | None]
    brands: list[str | None]


def create_catalog(rows: int, rng: np.random.Generator) -> Catalog:
    """Create a shop with about as many items as so many real rows have: 6,493 in 17,435 rows, 166,794 in 42 million."""
    size = int(np.clip(7_000 * (rows / 17_435) ** 0.416, CATEGORIES, 190_000))
    share = _compute_category_shares()
    spread = share**0.5 / (share**0.5).sum()
    more = rng.choice(CATEGORIES, size - CATEGORIES, p=spread)
    category = np.sort(np.concatenate([np.arange(CATEGORIES), more]))
    starts = np.searchsorted(category, np.arange(CATEGORIES + 1))
    rank = rng.permutation(size) + 1.0
    popularity = 1.0 / (rank + 110.0)
    within = np.add.reduceat(popularity, starts[:-1])
    popularity *= (share / within)[category]
    cumulative = np.cumsum(popularity)
    brands, brand = _draw_brands(size, category, rng)
    return Catalog(
        item_id=np.sort(rng.choice(99_000_000, size, replace=False)) + 1_000_978,
        category=category,
        brand=brand,
        price=_draw_prices(popularity, rng),
        cumulative=cumulative / cumulative[-1],
        starts=starts,
        category_share=share,
        category_id=FIRST_CATEGORY + np.arange(CATEGORIES, dtype=np.int64) * 8_388_607,
        category_code=_assign_codes(share, rng),
        brands=brands,
    )


def _compute_category_shares() -> np.ndarray:
    rest = 1.0 / (np.arange(1, CATEGORIES) + 4.0)
    return np.concatenate([[LARGEST_SHARE], rest / rest.sum() * (1 - LARGEST_SHARE)])


def _draw_prices(popularity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return base prices in cents, such that the events' prices have the published quantiles."""
    order = rng.permutation(len(popularity))
    along = np.cumsum(popularity[order]) - popularity[order] / 2
    price = np.empty(len(popularity))
    price[order] = np.exp(np.interp(along / popularity.sum(), PRICE_SHARES, np.log(PRICES)))
    return np.round(price * 100).astype(np.int64)


def _assign_codes(share: np.ndarray, rng: np.random.Generator) -> list[str | None]:
    """Return readable paths. Categories that together have the published share of rows have none."""
    order = rng.permutation(np.arange(1, CATEGORIES))
    nameless = set(order[np.cumsum(share[order]) <= WITHOUT_CODE].tolist())
    names = [f"{root}.{leaf}" for root in ROOTS for leaf in LEAVES]
    codes = [None if i in nameless else names[i % len(names)] for i in range(CATEGORIES)]
    return ["electronics.smartphone", *codes[1:]]


def _draw_brands(size: int, category: np.ndarray, rng: np.random.Generator) -> tuple[list[str | None], np.ndarray]:
    invented = [a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES][: max(20, min(3_400, size // 10))]
    brands = [None, *KNOWN_BRANDS, "nan", *invented]
    weights = 1.0 / (np.arange(len(invented) + 1) + 3.0)
    brand = rng.choice(np.arange(6, len(brands)), size, p=weights / weights.sum())
    phones = np.array(KNOWN_SHARES) / sum(KNOWN_SHARES)
    known = rng.random(size) < np.where(category == 0, 0.92, 0.16)
    brand = np.where(known, rng.choice(np.arange(1, 6), size, p=phones), brand)
    nameless = rng.random(size) < np.where(category == 0, 0.01, WITHOUT_BRAND * 1.38)
    return brands, np.where(nameless, 0, brand)
