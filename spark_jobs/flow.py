"""The flow: each job once, in the order in which they run.

The leases, the order of `make run`, the commands that run steps, the pages about jobs and tables, and the tests of the
DAGs follow from these declarations. A job's function is `run` in the module of its name in `spark_jobs/jobs`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from spark_jobs import tables
from spark_jobs.tables import Table
from spark_jobs.windows import DAY, HOUR


class Writer(StrEnum):
    """Who writes: one attempt at a time under each of these names. A table of events has one writer."""

    COLLECTION = "collection"
    PREPROCESSING = "preprocessing"
    MATRIX = "matrix"
    FEATURES = "features"


@dataclass(frozen=True)
class Job:
    """One spark-submit.

    `window`: it takes a range of hours, or of days. `versions_in`: the ledger's table whose rows name the versions of
    the tables that it writes; None: they name none. `rules`: the names in `rule_versions.VERSIONS` of what it applies.
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

    @property
    def module(self) -> str:
        """The module that has its function."""
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
)

HOURLY = (EXTRACT_EVENTS, VALIDATE_DATA_QUALITY, LOAD_TO_DATABASE)
DAILY = (REMOVE_DUPLICATES, HANDLE_MISSING_VALUES, CREATE_USER_ITEM_MATRIX, FEATURE_ENGINEERING)
STEPS = (*HOURLY, *DAILY)  # of `make run`
JOBS = (WAIT_FOR_DATA_COLLECTION, *STEPS)
LAST_DAY_STEP = HANDLE_MISSING_VALUES  # after it a day is built; snapshots of all days follow
SNAPSHOTS = (CREATE_USER_ITEM_MATRIX, FEATURE_ENGINEERING)


def written_by(writer: Writer) -> tuple[Table, ...]:
    """Every table that a writer's jobs write, the ledger's too. Collection also keeps the list of erased users."""
    erased = (tables.SUPPRESSED_USERS,) if writer is Writer.COLLECTION else ()
    return _once(table for job in JOBS if job.writer is writer for table in (*job.writes, *job.ledger)) + erased


def tables_of_days(writer: Writer) -> tuple[Table, ...]:
    """The writer's tables of events or of their sums, a partition for each day."""
    return _once(table for job in JOBS if job.writer is writer for table in job.writes if _is_of_days(table))


def _is_of_days(table: Table) -> bool:
    return table.partition == "event_date"


def _once(found: Iterable[Table]) -> tuple[Table, ...]:
    return tuple({table.name: table for table in found}.values())
