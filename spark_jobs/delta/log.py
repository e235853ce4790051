"""Delta's log, read and written by the driver: the files of a version, and commits that change them.

No Spark job runs where a version's checksum file has the requested information. Commits use Delta's own transactions,
so that its conflict checks and its log stores apply as they do for Spark's writer.
"""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from delta import exceptions
from delta.exceptions import captured
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic import dataframe as classic

NOTHING = -1  # the version of a table without a commit
ATTEMPTS = 5  # at a commit, while other writers keep committing first
# What Delta raises when another writer committed first. PySpark raises these classes only after `captured` is
# imported, and nothing in Delta's own package imports it.
CONFLICTS = tuple(getattr(captured, name) for name in exceptions.__all__)
Action = dict[str, Any]  # one line of Delta's log: {"add": …}, {"remove": …}, {"txn": …}, {"metaData": …}


def file_system(spark: SparkSession, address: str) -> tuple[Any, Any]:
    """Return Hadoop's file system of an address, and the address as a Hadoop path."""
    path = cast(Any, spark._jvm).org.apache.hadoop.fs.Path(address)
    return path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf()), path


class DeltaLog:
    """The log of the table at an address. The table need not exist."""

    def __init__(self, spark: SparkSession, address: str):
        self._spark, self._jvm, self.address = spark, cast(Any, spark._jvm), address
        self._delta, self._none = self._jvm.org.apache.spark.sql.delta, self._jvm.scala.Option.empty()
        self._log = self._delta.DeltaLog.forTable(spark._jsparkSession, address)

    def version(self) -> int:
        """Return the latest version; -1 where there is no table."""
        return int(self._load_snapshot().version())

    def size(self, version: int | None = None) -> tuple[int, int]:
        """Return the number of data files of a version (None: the latest), and their bytes."""
        checksum = self._load_snapshot(version).computeChecksum()
        return checksum.numFiles(), checksum.tableSizeBytes()

    def known_size(self) -> tuple[int, int] | None:
        """Return the number of data files of the latest version and their bytes; None where no checksum file has them.

        Runs no Spark job.
        """
        checksum = self._load_snapshot().checksumOpt()
        return (checksum.get().numFiles(), checksum.get().tableSizeBytes()) if checksum.isDefined() else None

    def added_bytes(self, version: int) -> int:
        """Return the bytes of the data files that a commit added, from its entry in the log. Runs no Spark job."""
        entry = self._jvm.org.apache.hadoop.fs.Path(f"{self.address}/_delta_log/{version:020}.json")
        lines = self._log.store().read(entry, self._log.newDeltaHadoopConf()).mkString("\n").splitlines()
        return sum(json.loads(line)["add"]["size"] for line in lines if line.startswith('{"add":'))

    def known_files(self, version: int | None = None) -> list[Action] | None:
        """Return the data files of a version from its checksum file; None where that file does not list them.

        Delta lists them there only while they are few.
        """
        return self._list_known_files(self._load_snapshot(version))

    def files(self, version: int | None = None) -> list[Action]:
        """Return the data files of a version. Runs a Spark job where the checksum file does not list them."""
        return self._list_files(self._load_snapshot(version))

    def read_known_files(self, version: int | None = None) -> DataFrame | None:
        """Return the rows of a version whose checksum file lists its data files; None where it does not.

        Costs no query. For any other version, each query first asks Delta's log for the files that it needs. None also
        for a version that does not exist or whose log is gone: Delta's own reader reports it.
        """
        try:
            snapshot = self._load_snapshot(version)
        except Py4JJavaError:
            return None
        checksum = snapshot.checksumOpt() if snapshot.version() >= 0 else self._none
        files = checksum.get().allFiles() if checksum.isDefined() else checksum
        if files.isEmpty():
            return None
        found = self._log.createDataFrame(snapshot, files.get(), False, self._none)  # in the active session
        plan = found.queryExecution().analyzed()
        rows = self._jvm.org.apache.spark.sql.classic.Dataset.ofRows(self._spark._jsparkSession, plan)
        return classic.DataFrame(rows, self._spark)

    def last_number(self, application: str) -> int:
        """Return the number of the application's last commit; -1 where it has not committed."""
        return self._find_last_number(self._load_snapshot(), application)

    def properties(self) -> dict[str, str]:
        """Return the properties of the latest version; empty where there is no table."""
        found: dict[str, str] = (_read_metadata(self._load_snapshot()) or {}).get("configuration", {})
        return found

    def columns(self) -> list[str]:
        """Return the column names of the latest version; empty where there is no table."""
        metadata = _read_metadata(self._load_snapshot())
        return [field["name"] for field in json.loads(metadata["schemaString"])["fields"]] if metadata else []

    def begin(self, reads_all: bool = False) -> "Transaction":
        """Begin a transaction on the latest version.

        With `reads_all`, any row that another writer adds meanwhile is a conflict.
        """
        transaction = self._log.startTransaction(self._none, self._none)
        if reads_all:
            transaction.readWholeTable()
        return Transaction(self, transaction)

    def _load_snapshot(self, version: int | None = None) -> Any:
        latest = self._log.update(False, self._none, self._none)
        same = version is None or version == latest.version()
        return latest if same else self._log.getSnapshotAt(version, self._none, self._none, False)

    def _find_last_number(self, snapshot: Any, application: str) -> int:
        known = self._read_checksum_field(snapshot, "setTransactions") if snapshot.version() >= 0 else []
        found = self._to_java(snapshot.setTransactions()) if known is None else known
        return max((each.version() for each in found if each.appId() == application), default=-1)

    def _list_files(self, snapshot: Any) -> list[Action]:
        known = self._list_known_files(snapshot)
        return self._parse_actions(snapshot.allFiles().collectAsList(), "add") if known is None else known

    def _list_known_files(self, snapshot: Any) -> list[Action] | None:
        if snapshot.version() < 0:
            return []
        files = self._read_checksum_field(snapshot, "allFiles")
        return None if files is None else self._parse_actions(files, "add")

    def _read_checksum_field(self, snapshot: Any, name: str) -> Any:
        """Return what the version's checksum file has under a name; None where it has nothing."""
        checksum = snapshot.checksumOpt()
        found = getattr(checksum.get(), name)() if checksum.isDefined() else checksum
        return self._to_java(found.get()) if found.isDefined() else None

    def _to_java(self, found: Any) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters.asJava(found)

    def _parse_actions(self, found: Iterable[Any], kind: str) -> list[Action]:
        return [json.loads(each.json())[kind] for each in found]


class Transaction:
    """A Delta transaction that is not committed yet."""

    def __init__(self, log: DeltaLog, transaction: Any):
        self._log, self._transaction = log, transaction

    def last_number(self, application: str) -> int:
        """Return the number of the application's last commit when the transaction began.

        From here on, a concurrent commit of the application is a conflict.
        """
        self._transaction.readTxn().addOne(application)  # Delta's own `txnVersion` would run two queries
        return self._log._find_last_number(self._transaction.snapshot(), application)

    def files(self) -> list[Action]:
        """Return the data files of the version that the transaction began with."""
        return self._log._list_files(self._transaction.snapshot())

    def metadata(self) -> Action | None:
        """Return the table's schema and properties; None where there is no table."""
        return _read_metadata(self._transaction.snapshot())

    def write(self, rows: DataFrame, metadata: Sequence[Action]) -> Any:
        """Write the rows into data files and return the lines that add these files, for `commit`.

        `metadata`: the line that creates the table or changes its columns, which becomes part of the commit; or none.
        """
        for line in metadata:
            self._transaction.updateMetadata(self._parse(line), False)
        return self._log._to_java(self._transaction.writeFiles(cast(Any, rows)._jdf))

    def commit(self, actions: Sequence[Action], written: Any = ()) -> None:
        """Commit lines of the log, and those that `write` returned.

        Raises one of CONFLICTS where another writer committed first.
        """
        parsed = self._log._jvm.java.util.ArrayList()
        for line in (*map(self._parse, actions), *written):
            parsed.add(line)
        lines = self._log._jvm.scala.jdk.javaapi.CollectionConverters.asScala(parsed).toSeq()
        only_creates = [each.keys() for each in actions] == [{"metaData"}]
        self._transaction.commit(lines, self._describe_creation(parsed[0]) if only_creates else self._describe_write())

    def _parse(self, line: Action) -> Any:
        companion = getattr(getattr(self._log._delta.actions, "Action$"), "MODULE$")
        return companion.fromJson(json.dumps(line))

    def _describe_creation(self, metadata: Any) -> Any:
        """Return the operation that the table's history shows for the commit that creates the table."""
        return getattr(self._log._delta, "DeltaOperations$CreateTable")(metadata, False, False, self._log._none)

    def _describe_write(self) -> Any:
        """Return the operation for every other commit. For a "manual update" Delta would not derive a checksum."""
        write = getattr(self._log._delta, "DeltaOperations$Write")
        return write(self._log._jvm.org.apache.spark.sql.SaveMode.Append, *[self._log._none] * 8)


def add_file(path: str, size: int, rows: int, partition: Mapping[str, str]) -> Action:
    """Return the line that adds a data file; `path` is relative to the table."""
    stats = json.dumps({"numRecords": rows})
    statistics = {"size": size, "modificationTime": _milliseconds(), "dataChange": True, "stats": stats}
    return {"add": {"path": path, "partitionValues": dict(partition)} | statistics}


def remove_file(file: Action) -> Action:
    """Return the line that removes a data file."""
    values = {"partitionValues": file["partitionValues"], "size": file["size"], "extendedFileMetadata": True}
    return {"remove": {"path": file["path"], "deletionTimestamp": _milliseconds(), "dataChange": True} | values}


def number_application(application: str, number: int) -> Action:
    """Return the line that records the number of an application's commit."""
    return {"txn": {"appId": application, "version": number, "lastUpdated": _milliseconds()}}


def create_table(schema: str, partition: Sequence[str], comment: str, properties: Mapping[str, str]) -> Action:
    """Return the line that creates a table; `schema` is JSON, as Spark writes it."""
    metadata = {"id": str(uuid.uuid4()), "description": comment, "format": {"provider": "parquet", "options": {}}}
    metadata |= {"schemaString": schema, "partitionColumns": list(partition), "configuration": dict(properties)}
    return {"metaData": metadata | {"createdTime": _milliseconds()}}


def count_rows(files: Iterable[Action]) -> int | None:
    """Return the number of rows in data files from their statistics; None where a file has no statistics."""
    counts = [json.loads(file.get("stats") or "{}").get("numRecords") for file in files]
    return None if None in counts else sum(counts)


def _read_metadata(snapshot: Any) -> Action | None:
    return json.loads(snapshot.metadata().json())["metaData"] if snapshot.version() >= 0 else None


def _milliseconds() -> int:
    return int(time.time() * 1000)
