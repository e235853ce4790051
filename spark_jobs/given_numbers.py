"""How many numbers an index table has given. Those of forgotten users count too, though their rows are gone."""

from pyspark.sql import functions as F

from spark_jobs.storage import Storage
from spark_jobs.tables import Table

GIVEN = "pipeline.numbersGiven"  # a property of the table; it counts where a row with a number has left


def numbers_given(storage: Storage, index: Table, version: int) -> int:
    """The numbers that were given up to a version of the table: the next one to give."""
    largest = (
        storage.read(index, version).agg(F.max(index.columns[0])).first()[0] if storage.count(index, version) else -1
    )
    return max(largest + 1, kept_number(storage, index))


def kept_number(storage: Storage, index: Table) -> int:
    """What `keep_number` kept last; 0 where no row has left the table."""
    return int(storage.log(index).properties().get(GIVEN, 0))


def keep_number(storage: Storage, index: Table, part: str) -> None:
    """Keeps with the table how many numbers it has given. Due before a row leaves it."""
    storage.seal(index, part, {GIVEN: str(numbers_given(storage, index, storage.version(index)))})
