"""Every table, declared once: name, columns with meaning and unit, key, partitioning.

The deduplication window, the write and the uniqueness expectation all use the key that is declared here. Imports
pyspark and the types of ledger rows only.
"""

from spark_jobs.tables.closed_lists import BuildStatus, FileStatus, HourStatus, PriceSource, RatingSource
from spark_jobs.tables.events import CLEANED_EVENTS, DEDUPED_EVENTS, RAW_EVENTS, REJECTED_EVENTS, USER_EVENTS
from spark_jobs.tables.ledger import DAY_BUILDS, DAY_STATUS, HOUR_STATUS, LANDED_FILES, LEASES, SUPPRESSED_USERS
from spark_jobs.tables.model import Field as Field
from spark_jobs.tables.model import LedgerTable as LedgerTable
from spark_jobs.tables.model import Table as Table
from spark_jobs.tables.recommender import (
    INTERACTIONS,
    ITEM_DAYS,
    ITEM_FEATURES,
    ITEM_INDEX,
    ITEM_SUMS,
    USER_FEATURES,
    USER_INDEX,
    USER_ITEM_MATRIX,
    add_type_counts,
)

__all__ = [
    "ALL",
    "CLEANED_EVENTS",
    "DAY_BUILDS",
    "DAY_STATUS",
    "DEDUPED_EVENTS",
    "HOUR_STATUS",
    "INTERACTIONS",
    "ITEM_DAYS",
    "ITEM_FEATURES",
    "ITEM_INDEX",
    "ITEM_SUMS",
    "LANDED_FILES",
    "LAYOUT",
    "LEASES",
    "RAW_EVENTS",
    "REJECTED_EVENTS",
    "RETIRED",
    "SUPPRESSED_USERS",
    "USER_EVENTS",
    "USER_FEATURES",
    "USER_INDEX",
    "USER_ITEM_MATRIX",
    "BuildStatus",
    "Field",
    "FileStatus",
    "HourStatus",
    "LedgerTable",
    "PriceSource",
    "RatingSource",
    "Table",
    "add_type_counts",
]
# Increased when a warehouse needs `make upgrade`. 1: version not recorded yet. 2: hour_status has types and mean_price.
# 3: no user_sums. 4: rule versions, records and suppressed records, versions written; empty hours derived, not stored.
LAYOUT = 4
RETIRED = ("user_sums",)  # tables of earlier layouts
ALL = (
    RAW_EVENTS,
    USER_EVENTS,
    REJECTED_EVENTS,
    DEDUPED_EVENTS,
    CLEANED_EVENTS,
    INTERACTIONS,
    ITEM_DAYS,
    USER_INDEX,
    ITEM_INDEX,
    USER_ITEM_MATRIX,
    ITEM_SUMS,
    USER_FEATURES,
    ITEM_FEATURES,
    LANDED_FILES,
    HOUR_STATUS,
    DAY_BUILDS,
    DAY_STATUS,
    SUPPRESSED_USERS,
    LEASES,
)
