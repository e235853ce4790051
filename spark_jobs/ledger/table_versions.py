"""Which version of each table the ledger's rows name: what a reader next to writers takes. Plain values, no Spark."""

from collections.abc import Iterable, Mapping
from typing import Any

from spark_jobs import tables
from spark_jobs.delta.log import NOTHING
from spark_jobs.ledger.status import LAST_DAILY_STEP
from spark_jobs.tables import Table

# The ledger table, and the step in day_builds, whose rows name the versions of these tables.
NAMED_BY = {
    (tables.LANDED_FILES, None): (tables.RAW_EVENTS,),
    (tables.HOUR_STATUS, None): (tables.USER_EVENTS, tables.REJECTED_EVENTS),
    (tables.DAY_BUILDS, "remove_duplicates"): (tables.DEDUPED_EVENTS,),
    (tables.DAY_BUILDS, LAST_DAILY_STEP): (tables.CLEANED_EVENTS, tables.INTERACTIONS, tables.ITEM_DAYS),
    (tables.DAY_BUILDS, "create_user_item_matrix"): (tables.USER_INDEX, tables.ITEM_INDEX, tables.USER_ITEM_MATRIX),
    (tables.DAY_BUILDS, "feature_engineering"): (tables.ITEM_SUMS, tables.USER_FEATURES, tables.ITEM_FEATURES),
}
SOURCES = {table.name: source for source, named in NAMED_BY.items() for table in named}


def named(table: Table, rows: Iterable[Mapping[str, Any]]) -> int | None:
    """The latest version of the table that these rows of its ledger table name.

    NOTHING: its writer has recorded nothing yet, or no rows of it. None: an older version of the project wrote the
    rows, which named no versions.
    """
    ledger, step = SOURCES[table.name]
    chosen = [row for row in rows if step is None or row["step"] == step]
    if ledger is tables.LANDED_FILES:
        return max((row["raw_version"] for row in chosen), default=NOTHING)
    writes = [row.get("writes") for row in chosen]
    found = [each[table.name] for each in writes if each and table.name in each]
    return max(found) if found else None if None in writes else NOTHING
