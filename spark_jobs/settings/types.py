"""The sections of `conf/settings.toml`: the type of each key, with the rule for its value."""

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
PriceLimit = Annotated[float, Range(0.0001, HIGHEST_PRICE, decimals=4)]  # compared with a mean that has four decimals


@dataclass(frozen=True)
class Weights:
    """The weight of each event type in the score. Weights are above 0, so that no event is lost."""

    view: Weight
    cart: Weight
    rating: Weight
    purchase: Weight


EVENT_TYPES = tuple(field.name for field in fields(Weights))


@dataclass(frozen=True)
class Paths:
    """Addresses; `load` makes them absolute. `raw` and `warehouse`: any file system that Hadoop and Arrow support."""

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
    """What happens to a file whose columns have changed.

    `new_column`: it has an unknown column (leave_out, refuse). `lost_column`: it does not have an optional column that
    the previous file had (accept, refuse).
    """

    new_column: Annotated[str, OneOf(("leave_out", "refuse"))]
    lost_column: Annotated[str, OneOf(("accept", "refuse"))]


@dataclass(frozen=True)
class Events:
    """The event types that are accepted, that are ignored, and that are expected in a busy hour."""

    allowed_types: Annotated[tuple[str, ...], Names(EVENT_TYPES, least=1)]
    ignored_types: Annotated[tuple[str, ...], Names()]
    expected_types: Annotated[tuple[str, ...], Names(EVENT_TYPES)]
    expected_from_rows: Count

    def __post_init__(self) -> None:
        if both := sorted(set(self.allowed_types) & set(self.ignored_types)):
            raise ValueError(f"events.ignored_types: {', '.join(both)} must not be in events.allowed_types too")


@dataclass(frozen=True)
class MaxNullShare:
    """The highest share (0-1) of missing values in a column; a higher share is a warning."""

    default: Share
    category_code: Share
    brand: Share

    def of(self, column: str) -> float:
        """Return the limit of `column`, or the default where no limit is set for it."""
        return getattr(self, column, self.default)


@dataclass(frozen=True)
class Quality:
    """Limits for the verdicts of the validation; shares are 0-1."""

    max_reject_share: Share
    docs_days: Days
    max_null_share: MaxNullShare


@dataclass(frozen=True)
class Usual:
    """Limits for the comparison of an hour with the same hour of the `weeks` weeks before it.

    An hour is compared only where at least `known_weeks` of these weeks are known. An event type is compared only where
    it usually has at least `least_rows` rows; prices and rejected rows only in hours with at least that many events.
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
    """The event types of which repeats within a minute are kept."""

    exempt_types: Annotated[tuple[str, ...], Names(EVENT_TYPES)]


@dataclass(frozen=True)
class Matrix:
    """The days and the event weights of the matrix; `trailing_days` 0 means all days."""

    trailing_days: Annotated[int, Range(0, 36_500)]
    weights: Weights


@dataclass(frozen=True)
class PriceRange:
    """The highest mean price of each range; higher prices are luxury."""

    budget: PriceLimit
    mid: PriceLimit
    premium: PriceLimit

    def __post_init__(self) -> None:
        if not self.budget < self.mid < self.premium:
            limits = f"{self.budget}, {self.mid}, {self.premium}"
            raise ValueError(f"features.price_range: budget, mid and premium must rise, not {limits}")


@dataclass(frozen=True)
class Features:
    """The weights of the popularity score, and the limits of the price ranges."""

    popularity_views: Share
    popularity_purchases: Share
    price_range: PriceRange

    def __post_init__(self) -> None:
        total = Decimal(str(self.popularity_views)) + Decimal(str(self.popularity_purchases))
        if total > 1:
            raise ValueError(
                f"features.popularity_views and popularity_purchases must add up to at most 1, not {total}"
            )


@dataclass(frozen=True)
class Schedule:
    """How many hours after midnight a day waits for its hours of events."""

    wait_hours: Annotated[int, Range(0, 5)]  # shorter than the timeout of Airflow's sensor (dags/pipeline_job.py)


@dataclass(frozen=True)
class Export:
    """How much of the matrix the driver may have in memory at once, in gigabytes (10^9 bytes)."""

    max_matrix_gb: Annotated[float, Range(0.001, 100_000)]


@dataclass(frozen=True)
class Retention:
    """For how many days a build can be repeated, even if its tables have changed since, and for how many logs are kept.

    Each table keeps replaced files for at least a week, and its log for 30 days.
    """

    rebuild_days: Annotated[int, Range(7, 29)]
    log_days: Days


@dataclass(frozen=True)
class Privacy:
    """The address of the key for the list of erased users; empty: next to the warehouse."""

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
