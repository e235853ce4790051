"""The sections of `conf/settings.toml`, each with the types of its keys."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """Addresses, made absolute; `raw` and `warehouse` may lie in any file system that Hadoop and Arrow know."""

    raw: str
    warehouse: str
    database: str
    quality: str
    processed: str
    reports: str
    metrics: str
    lineage: str
    logs: str


@dataclass(frozen=True)
class Schema:
    """What becomes of a file with a column that nobody knows (leave_out, refuse), or without an optional one that the
    file before had (accept, refuse)."""

    new_column: str
    lost_column: str


@dataclass(frozen=True)
class Events:
    """Which event types are good, set aside, and expected in a busy hour."""

    allowed_types: tuple[str, ...]
    ignored_types: tuple[str, ...]
    expected_types: tuple[str, ...]
    expected_from_rows: int


@dataclass(frozen=True)
class MaxNullShare:
    """Shares (0-1) of missing values above which a column draws a warning."""

    default: float
    category_code: float
    brand: float

    def of(self, column: str) -> float:
        """The limit of `column`; the default where it has none of its own."""
        return getattr(self, column, self.default)


@dataclass(frozen=True)
class Quality:
    """Limits of the verdicts; shares are 0-1."""

    max_reject_share: float
    docs_days: int
    max_null_share: MaxNullShare


@dataclass(frozen=True)
class Usual:
    """An hour beside the same hour of `weeks` weeks before it, where `known_weeks` of them are known.

    A type is judged where it usually has `least_rows` rows, prices and rejected rows in hours of so many events.
    """

    weeks: int
    known_weeks: int
    least_rows: int
    least_share: float
    most_reject_rise: float
    most_price_drift: float


@dataclass(frozen=True)
class Duplicates:
    """Event types whose repeats within a minute are kept."""

    exempt_types: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """An event's weight in the score, by type."""

    view: float
    cart: float
    rating: float
    purchase: float


@dataclass(frozen=True)
class Matrix:
    """`trailing_days` 0 means all days."""

    trailing_days: int
    weights: Weights


@dataclass(frozen=True)
class PriceRange:
    """Highest mean price of each range; above the last is luxury."""

    budget: float
    mid: float
    premium: float


@dataclass(frozen=True)
class Features:
    """Weights of the popularity score and limits of the price ranges."""

    popularity_views: float
    popularity_purchases: float
    price_range: PriceRange


@dataclass(frozen=True)
class Schedule:
    """How long after midnight a day waits for its hours."""

    wait_hours: int


@dataclass(frozen=True)
class Export:
    """What the driver may hold of the matrix at once, in gigabytes (10^9 bytes)."""

    max_matrix_gb: float


@dataclass(frozen=True)
class Retention:
    """For how many days a build can be repeated, whatever became of its tables since; and logs are kept."""

    rebuild_days: int
    log_days: int


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    paths: Paths
    schema: Schema
    events: Events
    quality: Quality
    usual: Usual
    duplicates: Duplicates
    matrix: Matrix
    features: Features
    schedule: Schedule
    export: Export
    retention: Retention
