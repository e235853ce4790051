"""The numbers of erased users and items are not assigned again: how many numbers an index table has assigned so far."""

from pyspark.sql import functions as F

from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.tables import Table

GIVEN = "pipeline.numbersGiven"  # a property of the table, set before a row is removed from it


def count_assigned(storage: Storage, index: Table, version: int) -> int:
    """Return how many numbers were assigned up to a version of the table. This is also the next number."""
    stored_count = read_assigned(storage, index)
    if not storage.count(index, version):
        return stored_count
    last: int = storage.read(index, version).agg(F.max(index.columns[0])).head(1)[0][0]
    return max(stored_count, last + 1)


def read_assigned(storage: Storage, index: Table) -> int:
    """Return the count that `write_assigned` stored last; 0 where no row has been removed from the table."""
    return int(storage.log(index).properties().get(GIVEN, 0))


def write_assigned(writer: TableWriter, index: Table) -> None:
    """Store with the table how many numbers it has assigned. Required before a row is removed from it."""
    storage = writer.storage
    writer.seal(index, {GIVEN: str(count_assigned(storage, index, storage.version(index)))})
