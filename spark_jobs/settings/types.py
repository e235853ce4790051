"""The sections of `conf/settings.toml`: the type of each key, and beside it the rule that its value must keep."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated

from spark_jobs.settings.rules import Address, Names, OneOf, Range

HIGHEST_PRICE = 99_999_999.99
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(0, 1_000_000_000)]
Days = Annotated[int, Range(0, 36_500)]
Weeks = Annotated[int, Range(0, 52)]  # 0: no hour is compared
Folder = Annotated[str, Address()]
Weight = Annotated[float, Range(0.000001, 1_000_000, decimals=6)]  # scores are summed in millionths
PriceLimit = Annotated[float, Range(0.0001, HIGHEST_PRICE, decimals=4)]  # compared with a mean of four decimals


@dataclass(frozen=True)
class Weights:
    """An event's weight in the score, by type. Above 0, so that no event is lost."""

    view: Weight
    cart: Weight
    rating: Weight
    purchase: Weight


EVENT_TYPES = tuple(field.name for field in fields(Weights))


@dataclass(frozen=True)
class Paths:
    """Addresses, made absolute; `raw` and `warehouse` may lie in any file system that Hadoop and Arrow know."""

    raw: Annotated[str, Address(local=False)]
    warehouse: Annotated[str, Address(local=False, forbidden="`")]
    database: Folder
    quality: Folder
    processed: Folder
    reports: Folder
    metrics: Folder
    lineage: Folder
    logs: Folder


@dataclass(frozen=True)
class Schema:
    """What becomes of a file with a column that nobody knows (leave_out, refuse), or without an optional one that the
    file before had (accept, refuse)."""

    new_column: Annotated[str, OneOf(("leave_out", "refuse"))]
    lost_column: Annotated[str, OneOf(("accept", "refuse"))]


@dataclass(frozen=True)
class Events:
    """Which event types are good, set aside, and expected in a busy hour."""

    allowed_types: Annotated[tuple[str, ...], Names(EVENT_TYPES, least=1)]
    ignored_types: Annotated[tuple[str, ...], Names()]
    expected_types: Annotated[tuple[str, ...], Names(EVENT_TYPES)]
    expected_from_rows: Count

    def __post_init__(self) -> None:
        if both := sorted(set(self.allowed_types) & set(self.ignored_types)):
            raise ValueError(f"events.ignored_types: {', '.join(both)} must not be in events.allowed_types too")


@dataclass(frozen=True)
class MaxNullShare:
    """Shares (0-1) of missing values above which a column draws a warning."""

    default: Share
    category_code: Share
    brand: Share

    def of(self, column: str) -> float:
        """The limit of `column`; the default where it has none of its own."""
        return getattr(self, column, self.default)


@dataclass(frozen=True)
class Quality:
    """Limits of the verdicts; shares are 0-1."""

    max_reject_share: Share
    docs_days: Days
    max_null_share: MaxNullShare


@dataclass(frozen=True)
class Usual:
    """An hour beside the same hour of `weeks` weeks before it, where `known_weeks` of them are known.

    A type is judged where it usually has `least_rows` rows, prices and rejected rows in hours of so many events.
    """

    weeks: Weeks
    known_weeks: Weeks
    least_rows: Count
    least_share: Share
    most_reject_rise: Share
    most_price_drift: Annotated[float, Range(0, 1_000)]

    def __post_init__(self) -> None:
        if self.weeks and self.known_weeks > self.weeks:
            raise ValueError(f"usual.known_weeks must be at most usual.weeks ({self.weeks}), not {self.known_weeks}")


@dataclass(frozen=True)
class Duplicates:
    """Event types whose repeats within a minute are kept."""

    exempt_types: Annotated[tuple[str, ...], Names(EVENT_TYPES)]


@dataclass(frozen=True)
class Matrix:
    """`trailing_days` 0 means all days."""

    trailing_days: Annotated[int, Range(0, 36_500)]
    weights: Weights


@dataclass(frozen=True)
class PriceRange:
    """Highest mean price of each range; above the last is luxury."""

    budget: PriceLimit
    mid: PriceLimit
    premium: PriceLimit

    def __post_init__(self) -> None:
        if not self.budget < self.mid < self.premium:
            limits = f"{self.budget}, {self.mid}, {self.premium}"
            raise ValueError(f"features.price_range: budget, mid and premium must rise, not {limits}")


@dataclass(frozen=True)
class Features:
    """Weights of the popularity score and limits of the price ranges."""

    popularity_views: Share
    popularity_purchases: Share
    price_range: PriceRange

    def __post_init__(self) -> None:
        total = Decimal(str(self.popularity_views)) + Decimal(str(self.popularity_purchases))
        if total > 1:
            raise ValueError(
                f"features.popularity_views and popularity_purchases must add up to 1 at most, not {total}"
            )


@dataclass(frozen=True)
class Schedule:
    """How long after midnight a day waits for its hours."""

    wait_hours: Annotated[int, Range(0, 5)]  # less than the patience of Airflow's sensor (dags/pipeline_job.py)


@dataclass(frozen=True)
class Export:
    """What the driver may hold of the matrix at once, in gigabytes (10^9 bytes)."""

    max_matrix_gb: Annotated[float, Range(0.001, 100_000)]


@dataclass(frozen=True)
class Retention:
    """For how many days a build can be repeated, whatever became of its tables since; and logs are kept.

    Each table keeps replaced files for a week at least, and its log for 30 days.
    """

    rebuild_days: Annotated[int, Range(7, 29)]
    log_days: Days


@dataclass(frozen=True)
class Privacy:
    """Where the key of the erased users is; empty: beside the warehouse."""

    key_file: Annotated[str, Address(local=False, optional=True)]


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
    privacy: Privacy
