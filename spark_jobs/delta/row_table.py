"""Small tables: the driver reads and writes their rows without a query."""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote

from delta.exceptions import captured
from pyspark.sql import SparkSession

from spark_jobs.delta import log as delta_log
from spark_jobs.delta.log import ATTEMPTS, CONFLICTS, NOTHING, Action, DeltaLog, Transaction, file_system
from spark_jobs.delta.row_files import from_parquet, to_parquet
from spark_jobs.delta.schema import build_delta_schema, properties
from spark_jobs.errors import BusyError, SupersededError
from spark_jobs.ledger_rows import Row, RowT
from spark_jobs.tables import LedgerTable, Table


def read_rows(spark: SparkSession, log: DeltaLog, table: LedgerTable[RowT]) -> list[RowT]:
    """Return all rows of a table of the ledger, from the files that its Delta log lists."""
    found = ((file, _read_content(spark, f"{log.address}/{unquote(file['path'])}")) for file in log.files())
    return [row for file, content in found for row in from_parquet(table, content, file["partitionValues"])]


def _read_content(spark: SparkSession, address: str) -> bytes:
    files, path = file_system(spark, address)
    stream = files.open(path)
    try:
        return bytes(cast(Any, spark._jvm).org.apache.commons.io.IOUtils.toByteArray(stream))
    finally:
        stream.close()


class RowTable:
    """A table that the driver writes through its Delta log, without a query."""

    def __init__(self, spark: SparkSession, log: DeltaLog, table: Table):
        self._spark, self._log, self._table = spark, log, table

    def commit(
        self,
        numbers: Mapping[str, int],
        rows: Iterable[Row],
        replaced: Collection[str] | None,
        again: bool = True,
        seen: Mapping[str, int] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Replace the rows in the partitions `replaced` (None: all rows) by `rows` in one commit.

        Creates the table where it does not exist. `properties` are added to those of the table. `again`: try again
        after another writer's commit; otherwise the conflict is raised. Raises SupersededError and writes nothing where
        a number is not above the last one of its application, or where an application in `seen` has since committed
        under another number. Raises BusyError after ATTEMPTS conflicts.
        """
        new = self._write_files(rows)
        for attempt in range(ATTEMPTS):
            transaction = self._log.begin(reads_all=replaced is None)
            last = {name: transaction.last_number(name) for name in {**numbers, **(seen or {})}}
            if attempt and not seen and numbers and numbers.items() <= last.items():
                return  # the first attempt was committed, but the log store's answer was lost
            superseded = [name for name, number in numbers.items() if last[name] >= number]
            superseded += [name for name, number in (seen or {}).items() if last[name] not in (NOTHING, number)]
            if superseded:
                raise SupersededError(superseded_error(superseded[0], self._table))
            old = _list_partition_files(transaction, self._table, replaced)
            lines = [
                *build_metadata_lines(self._table, transaction, properties or {}),
                *map(delta_log.remove_file, old),
                *new,
            ]
            lines += [delta_log.number_application(name, number) for name, number in numbers.items()]
            try:
                if lines:  # none where another writer has created the table meanwhile
                    transaction.commit(lines)
            except captured.ConcurrentTransactionException:  # same writer: the next pass finds the later attempt
                continue
            except CONFLICTS:
                if not again:
                    raise
                continue
            return
        raise BusyError(conflict_error(self._log.address))

    def _write_files(self, rows: Iterable[Row]) -> list[Action]:
        """Write a data file for each partition that has rows, and return the lines that add the files."""
        groups: dict[str | None, list[Row]] = {}
        partition = self._table.partition
        for row in rows:
            groups.setdefault(str(row[partition]) if partition else None, []).append(row)
        return [self._write_file(value, group) for value, group in groups.items()]

    def _write_file(self, value: str | None, rows: list[Row]) -> Action:
        content, name = to_parquet(self._table, rows), f"part-00000-{uuid.uuid4()}.c000.snappy.parquet"
        partition = {self._table.partition: value} if self._table.partition and value is not None else {}
        name = name if value is None else f"{self._table.partition}={value}/{name}"
        files, path = file_system(self._spark, f"{self._log.address}/{name}")
        stream = files.create(path, False)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()
        return delta_log.add_file(name, len(content), len(rows), partition)


def superseded_error(writer: str, table: Table) -> str:
    """Return the message for an attempt that is not the latest one."""
    return (
        f"{writer}: this attempt has been superseded by a later one; {table.name} was not written, and nothing is "
        "left to do here."
    )


def conflict_error(address: str) -> str:
    """Return the message for a table to which other writers keep committing first."""
    return f"{address}: other writers keep changing it; run this again."


def _list_partition_files(transaction: Transaction, table: Table, partitions: Collection[str] | None) -> list[Action]:
    """Return the data files in these partitions; None: in all partitions."""
    if partitions is None:
        return transaction.files()
    files = transaction.files() if partitions else []
    return [file for file in files if file["partitionValues"][table.partition] in partitions]


def build_metadata_lines(table: Table, transaction: Transaction, further: Mapping[str, str]) -> list[Action]:
    """Return the line that creates the table, or that adds properties or columns to it; empty where nothing is new.

    `further` are the properties to add. The columns to add are those that the table does not have yet because this
    version of the project introduced them.
    """
    old = transaction.metadata()
    if old is None:
        partition = [table.partition] if table.partition else []
        all_properties = {**properties(table), **further}
        return [delta_log.create_table(build_delta_schema(table).json(), partition, table.comment, all_properties)]
    fields = json.loads(old["schemaString"])
    names = {field["name"] for field in fields["fields"]}
    new = [field for field in build_delta_schema(table).jsonValue()["fields"] if field["name"] not in names]
    fields["fields"] += [field | {"nullable": True} for field in new]
    if not new and further.items() <= old["configuration"].items():
        return []
    return [{"metaData": old | {"schemaString": json.dumps(fields), "configuration": old["configuration"] | further}}]
