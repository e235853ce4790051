"""The numbers of an index table: a number is not assigned again after its row was removed, not even the largest."""

from datetime import datetime

import pytest

from spark_jobs import tables
from spark_jobs.coordination import lease
from spark_jobs.coordination.lock import Hold
from spark_jobs.delta.storage import Storage
from spark_jobs.delta.table_writer import TableWriter
from spark_jobs.erasure.retired_numbers import count_assigned, read_assigned, write_assigned
from spark_jobs.flow import Writer

DAY = datetime(2019, 10, 1).date()
INDEX = tables.USER_INDEX


@pytest.fixture
def writer(spark, tmp_path) -> TableWriter:
    storage = Storage(spark, str(tmp_path / "warehouse"))
    return lease.take_leases(storage, [Hold(Writer.MATRIX, unclean=False)])[Writer.MATRIX].table_writer(storage)


def count_numbers(storage: Storage) -> int:
    return count_assigned(storage, INDEX, storage.version(INDEX))


def test_the_largest_number_is_not_assigned_again_after_its_row_was_removed(writer):
    storage = writer.storage
    assert (count_numbers(storage), read_assigned(storage, INDEX)) == (0, 0)
    users = storage.frame(INDEX, [{"user_index": n, "user_id": 500 + n, "first_day": DAY} for n in range(3)])
    writer.append(INDEX, users)
    assert (count_numbers(storage), read_assigned(storage, INDEX)) == (3, 0)
    for remaining in (2, 1, 0):
        write_assigned(writer, INDEX)
        writer.replace(INDEX, users.where(f"user_index < {remaining}"), None)
        assert (count_numbers(storage), read_assigned(storage, INDEX)) == (3, 3)
    writer.append(INDEX, storage.frame(INDEX, [{"user_index": 3, "user_id": 600, "first_day": DAY}]))
    assert count_numbers(storage) == 4
    detail = storage.spark.sql(f"DESCRIBE DETAIL delta.`{storage.path(INDEX)}`").first()
    assert detail.properties["pipeline.numbersGiven"] == "3"
    assert detail.properties["delta.enableDeletionVectors"] == "false"
