"""The version of each table that the ledger's rows name, for readers next to writers. Plain values, no Spark."""

from collections.abc import Iterable, Mapping
from typing import Any

from spark_jobs import tables
from spark_jobs.delta.log import NOTHING
from spark_jobs.flow import JOBS
from spark_jobs.tables import Table

# By table name: the ledger table whose rows name the table's versions, and the step for rows of day_builds.
SOURCES = {
    table.name: (job.versions_in, job.name if job.versions_in is tables.DAY_BUILDS else None)
    for job in JOBS
    if job.versions_in
    for table in job.writes
}


def find_named_version(table: Table, rows: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the latest version of the table that these rows of its ledger table name.

    NOTHING: its writer has recorded nothing yet, or no rows of the table. None: an older version of the project wrote
    the rows, which name no versions.
    """
    ledger, step = SOURCES[table.name]
    of_step = [row for row in rows if step is None or row["step"] == step]
    if ledger is tables.LANDED_FILES:
        return max((row["raw_version"] for row in of_step), default=NOTHING)
    writes = [row.get("writes") for row in of_step]
    found = [each[table.name] for each in writes if each and table.name in each]
    return max(found) if found else None if None in writes else NOTHING
