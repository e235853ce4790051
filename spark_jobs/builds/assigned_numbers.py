"""How many numbers an index table has given. Those of forgotten users count too, though their rows are gone."""

from pyspark.sql import functions as F

from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.tables import Table

GIVEN = "pipeline.numbersGiven"  # a property of the table, set before a row leaves it


def count_assigned(storage: Storage, index: Table, version: int) -> int:
    """The numbers that were given up to a version of the table: the next one to give."""
    kept = read_assigned(storage, index)
    if not storage.count(index, version):
        return kept
    return max(kept, storage.read(index, version).agg(F.max(index.columns[0])).first()[0] + 1)


def read_assigned(storage: Storage, index: Table) -> int:
    """What `keep_number` kept last; 0 where no row has left the table."""
    return int(storage.log(index).properties().get(GIVEN, 0))


def write_assigned(writer: TableWriter, index: Table) -> None:
    """Keep with the table how many numbers it has given. Needed before a row leaves it."""
    storage = writer.storage
    writer.seal(index, {GIVEN: str(count_assigned(storage, index, storage.version(index)))})
