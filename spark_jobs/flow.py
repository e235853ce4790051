"""The flow: each job is declared once, in the order in which the jobs run.

The leases, the order of `make run`, the commands that run steps, the pages about jobs and tables, and the tests of the
DAGs are derived from these declarations. The function of a job is `run` in the module of its name in `spark_jobs/jobs`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from spark_jobs import tables
from spark_jobs.tables import Table
from spark_jobs.windows import DAY, HOUR


class Writer(StrEnum):
    """The names under which jobs write, one attempt at a time under each. A table of events has one writer."""

    COLLECTION = "collection"
    PREPROCESSING = "preprocessing"
    MATRIX = "matrix"
    FEATURES = "features"


@dataclass(frozen=True)
class Job:
    """A job: one spark-submit.

    `window`: whether it takes a range of hours or of days. `versions_in`: the ledger table whose rows name the versions
    of the tables that the job writes; None: they name none. `rules`: the rules that it applies, by their names in
    `rule_versions.VERSIONS`. `rows_in`, `rows_out`: the tables whose rows the summary of a run counts; None: all that
    the job reads, or writes.
    """

    name: str
    writer: Writer
    window: timedelta
    reads: tuple[Table, ...] = ()
    writes: tuple[Table, ...] = ()
    versions_in: Table | None = None
    ledger: tuple[Table, ...] = ()
    rules: tuple[str, ...] = ()
    uses_great_expectations: bool = True
    rows_in: tuple[Table, ...] | None = None
    rows_out: tuple[Table, ...] | None = None

    @property
    def counted_tables(self) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
        """Return the tables whose rows the summary of a run shows as read and as written."""
        first = self.reads if self.rows_in is None else self.rows_in
        return first, self.writes if self.rows_out is None else self.rows_out

    @property
    def module(self) -> str:
        """Return the name of the module with the job's function."""
        return f"spark_jobs.jobs.{self.name}"


WAIT_FOR_DATA_COLLECTION = Job(
    "wait_for_data_collection",
    Writer.COLLECTION,
    DAY,
    reads=(tables.LANDED_FILES, tables.HOUR_STATUS),
    ledger=(tables.DAY_STATUS,),
    uses_great_expectations=False,
)
EXTRACT_EVENTS = Job(
    "extract_events",
    Writer.COLLECTION,
    HOUR,
    reads=(tables.SUPPRESSED_USERS,),
    writes=(tables.RAW_EVENTS,),
    versions_in=tables.LANDED_FILES,
    ledger=(tables.LANDED_FILES, tables.DAY_STATUS),
    rules=("parsing",),
    uses_great_expectations=False,
    rows_in=(),
)
VALIDATE_DATA_QUALITY = Job(
    "validate_data_quality",
    Writer.COLLECTION,
    HOUR,
    reads=(tables.RAW_EVENTS,),
    writes=(tables.USER_EVENTS, tables.REJECTED_EVENTS),
    versions_in=tables.HOUR_STATUS,
    ledger=(tables.HOUR_STATUS, tables.DAY_STATUS),
    rules=("validation",),
)
LOAD_TO_DATABASE = Job(
    "load_to_database",
    Writer.COLLECTION,
    HOUR,
    reads=(tables.USER_EVENTS,),
    ledger=(tables.HOUR_STATUS, tables.DAY_STATUS),
    uses_great_expectations=False,
)
REMOVE_DUPLICATES = Job(
    "remove_duplicates",
    Writer.PREPROCESSING,
    DAY,
    reads=(tables.USER_EVENTS,),
    writes=(tables.DEDUPED_EVENTS,),
    versions_in=tables.DAY_BUILDS,
    ledger=(tables.DAY_BUILDS, tables.DAY_STATUS),
    rules=("deduplication",),
)
HANDLE_MISSING_VALUES = Job(
    "handle_missing_values",
    Writer.PREPROCESSING,
    DAY,
    reads=(tables.DEDUPED_EVENTS,),
    writes=(tables.CLEANED_EVENTS, tables.INTERACTIONS, tables.ITEM_DAYS),
    versions_in=tables.DAY_BUILDS,
    ledger=(tables.DAY_BUILDS, tables.DAY_STATUS),
    rules=("repair", "interactions"),
    rows_out=(tables.CLEANED_EVENTS,),
)
CREATE_USER_ITEM_MATRIX = Job(
    "create_user_item_matrix",
    Writer.MATRIX,
    DAY,
    reads=(tables.INTERACTIONS,),
    writes=(tables.USER_INDEX, tables.ITEM_INDEX, tables.USER_ITEM_MATRIX),
    versions_in=tables.DAY_BUILDS,
    ledger=(tables.DAY_BUILDS,),
    rules=("matrix",),
    rows_in=(tables.CLEANED_EVENTS,),  # of which the daily tables are sums
    rows_out=(tables.USER_ITEM_MATRIX,),
)
FEATURE_ENGINEERING = Job(
    "feature_engineering",
    Writer.FEATURES,
    DAY,
    reads=(tables.INTERACTIONS, tables.ITEM_DAYS),
    writes=(tables.ITEM_SUMS, tables.USER_FEATURES, tables.ITEM_FEATURES),
    versions_in=tables.DAY_BUILDS,
    ledger=(tables.DAY_BUILDS,),
    rules=("user_features", "item_features"),
    rows_in=(tables.CLEANED_EVENTS,),
    rows_out=(tables.USER_FEATURES, tables.ITEM_FEATURES),
)

HOURLY = (EXTRACT_EVENTS, VALIDATE_DATA_QUALITY, LOAD_TO_DATABASE)
DAILY = (REMOVE_DUPLICATES, HANDLE_MISSING_VALUES, CREATE_USER_ITEM_MATRIX, FEATURE_ENGINEERING)
STEPS = (*HOURLY, *DAILY)  # the steps of `make run`
JOBS = (WAIT_FOR_DATA_COLLECTION, *STEPS)
LAST_DAY_STEP = HANDLE_MISSING_VALUES  # a day is built after this step; snapshots of all days follow
SNAPSHOTS = (CREATE_USER_ITEM_MATRIX, FEATURE_ENGINEERING)


def list_written_tables(writer: Writer) -> tuple[Table, ...]:
    """Return every table that a writer's jobs write, including those of the ledger.

    Collection also maintains the list of erased users.
    """
    erased = (tables.SUPPRESSED_USERS,) if writer is Writer.COLLECTION else ()
    return (
        _remove_repeated(table for job in JOBS if job.writer is writer for table in (*job.writes, *job.ledger)) + erased
    )


def list_daily_tables(writer: Writer) -> tuple[Table, ...]:
    """Return the writer's tables of events, or of their sums, that have a partition for each day."""
    return _remove_repeated(table for job in JOBS if job.writer is writer for table in job.writes if _is_of_days(table))


def _is_of_days(table: Table) -> bool:
    return table.partition == "event_date"


def _remove_repeated(found: Iterable[Table]) -> tuple[Table, ...]:
    return tuple({table.name: table for table in found}.values())
