"""Which version of each table the ledger's rows name: what a reader next to writers takes. Plain values, no Spark."""

from collections.abc import Iterable, Mapping
from typing import Any

from spark_jobs import tables
from spark_jobs.delta.log import NOTHING
from spark_jobs.flow import JOBS
from spark_jobs.tables import Table

# The ledger table, and the step in day_builds, whose rows name the versions of a table, by the table's name.
SOURCES = {
    table.name: (job.versions_in, job.name if job.versions_in is tables.DAY_BUILDS else None)
    for job in JOBS
    for table in job.writes
}


def find_named_version(table: Table, rows: Iterable[Mapping[str, Any]]) -> int | None:
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
