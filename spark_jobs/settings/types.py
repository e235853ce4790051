"""The sections of `conf/settings.toml`: the type of each key, with the rule for its value."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from spark_jobs.observability import run_log
from spark_jobs.settings.event_types import Events
from spark_jobs.settings.rules import Address, Keys, OneOf, Range
from spark_jobs.settings.section import Count, NameList, Section
from spark_jobs.tables.source_columns import OPTIONAL

HIGHEST_PRICE = 99_999_999.99
DEFAULT = "default"  # the key of the limit for columns without their own
Share = Annotated[float, Range(0, 1)]
Days = Annotated[int, Range(0, 36_500)]
Weeks = Annotated[int, Range(0, 52)]  # 0: no hour is compared
Folder = Annotated[str, Address()]
PriceLimit = Annotated[float, Range(0.0001, HIGHEST_PRICE, decimals=4)]  # compared with a mean that has four decimals


class Paths(Section):
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


class Schema(Section):
    """What happens to a file whose columns have changed.

    `new_column`: it has an unknown column (leave_out, refuse). `lost_column`: it does not have an optional column that
    the previous file had (accept, refuse).
    """

    new_column: Annotated[str, OneOf(("leave_out", "refuse"))]
    lost_column: Annotated[str, OneOf(("accept", "refuse"))]


class Quality(Section):
    """Limits for the verdicts of the validation; shares are 0-1.

    `max_null_share`: the highest share of missing values by optional column, and the default for the other ones.
    """

    max_reject_share: Share
    docs_days: Days
    max_null_share: Annotated[dict[str, Share], Keys((DEFAULT, *OPTIONAL), required=(DEFAULT,))]

    def find_max_null_share(self, column: str) -> float:
        """Return the limit of the column, or the default where no limit is set for it."""
        return self.max_null_share.get(column, self.max_null_share[DEFAULT])


class Usual(Section):
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

    @model_validator(mode="after")
    def _check_weeks(self) -> "Usual":
        if self.weeks and self.known_weeks > self.weeks:
            raise ValueError(f"usual.known_weeks must be at most usual.weeks ({self.weeks}), not {self.known_weeks}")
        return self


class Duplicates(Section):
    """The event types of which repeats within a minute are kept."""

    exempt_types: NameList


class Matrix(Section):
    """The days of the matrix; 0 means all days."""

    trailing_days: Annotated[int, Range(0, 36_500)]


class PriceRange(Section):
    """The highest mean price of each range; higher prices are luxury."""

    budget: PriceLimit
    mid: PriceLimit
    premium: PriceLimit

    @model_validator(mode="after")
    def _check_order(self) -> "PriceRange":
        if not self.budget < self.mid < self.premium:
            limits = f"{self.budget}, {self.mid}, {self.premium}"
            raise ValueError(f"features.price_range: budget, mid and premium must rise, not {limits}")
        return self


class Features(Section):
    """The weights of the popularity score, and the limits of the price ranges."""

    popularity_views: Share
    popularity_purchases: Share
    price_range: PriceRange

    @model_validator(mode="after")
    def _check_total(self) -> "Features":
        total = Decimal(str(self.popularity_views)) + Decimal(str(self.popularity_purchases))
        if total > 1:
            raise ValueError(
                f"features.popularity_views and popularity_purchases must add up to at most 1, not {total}"
            )
        return self


class Schedule(Section):
    """How many hours after midnight a day waits for its hours of events."""

    wait_hours: Annotated[int, Range(0, 5)]  # shorter than the timeout of Airflow's sensor (dags/pipeline_job.py)


class Export(Section):
    """How much of the matrix the driver may have in memory at once, in gigabytes (10^9 bytes)."""

    max_matrix_gb: Annotated[float, Range(0.001, 100_000)]


class Retention(Section):
    """For how many days a build can be repeated, even if its tables have changed since, and for how many logs are kept.

    Each table keeps replaced files for at least a week, and its log for 30 days.
    """

    rebuild_days: Annotated[int, Range(7, 29)]
    log_days: Days


class Logging(Section):
    """The format of `pipeline.log`."""

    format: Annotated[str, OneOf(run_log.FORMATS)]


class Privacy(Section):
    """The address of the key for the list of erased users; empty: next to the warehouse."""

    key_file: Annotated[str, Address(local=False, optional=True)]


class Settings(Section):
    """All settings of a run."""

    paths: Paths
    source_schema: Annotated[Schema, Field(alias="schema")]  # pydantic has a method of that name
    events: Events
    quality: Quality
    usual: Usual
    duplicates: Duplicates
    matrix: Matrix
    features: Features
    schedule: Schedule
    export: Export
    retention: Retention
    logging: Logging
    privacy: Privacy

    @model_validator(mode="after")
    def _check_names(self) -> "Settings":
        self.events.check_known("duplicates.exempt_types", self.duplicates.exempt_types)
        return self
