"""The version of each table that the ledger's rows name, for readers next to writers. Plain values, no Spark."""

from collections.abc import Collection, Mapping

from spark_jobs.delta.log import NOTHING
from spark_jobs.flow import JOBS
from spark_jobs.tables import Table

# By table name: the job whose ledger rows name the table's versions.
NAMING_JOBS = {table.name: job for job in JOBS if job.versions_in for table in job.writes}


def find_named_version(table: Table, writes: Collection[Mapping[str, int] | None]) -> int | None:
    """Return the latest version of the table in `writes`, which has the versions that each row of its job names.

    NOTHING: its writer has recorded nothing yet, or no rows of the table. None: an older version of the project wrote
    the rows, which name no versions.
    """
    found = [each[table.name] for each in writes if each and table.name in each]
    return max(found) if found else None if None in writes else NOTHING
