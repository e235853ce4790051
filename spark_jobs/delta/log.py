"""Delta's log as the driver reads and writes it: the files of a version, and commits of them. No Spark job runs where
a version's checksum file has what is asked for.

Commits go through Delta's own transactions: its checks for conflicts and its log stores hold as for Spark's writer.
"""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from delta import exceptions
from delta.exceptions import captured
from pyspark.sql import SparkSession

NOTHING = -1  # the version of a table of which nothing is committed
ATTEMPTS = 5  # at a commit that other writers keep getting ahead of
# What Delta raises when another writer was faster. PySpark raises these classes only once `captured` is imported, and
# nothing in Delta's own package imports it.
CONFLICTS = tuple(getattr(captured, name) for name in exceptions.__all__)
Action = dict[str, Any]  # one line of Delta's log: {"add": …}, {"remove": …}, {"txn": …}, {"metaData": …}


def file_system(spark: SparkSession, address: str) -> tuple[Any, Any]:
    """Hadoop's file system of an address, and the address as its path."""
    path = spark._jvm.org.apache.hadoop.fs.Path(address)
    return path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf()), path


class DeltaLog:
    """The log of the table at an address, whether it exists or not."""

    def __init__(self, spark: SparkSession, address: str):
        self._spark, self._jvm, self.address = spark, spark._jvm, address
        self._delta, self._none = self._jvm.org.apache.spark.sql.delta, self._jvm.scala.Option.empty()
        self._log = self._delta.DeltaLog.forTable(spark._jsparkSession, address)

    def version(self) -> int:
        """The latest version; -1 where there is no table."""
        return self._snapshot().version()

    def size(self, version: int | None = None) -> tuple[int, int]:
        """Data files of a version (None: the latest), and their bytes."""
        checksum = self._snapshot(version).computeChecksum()
        return checksum.numFiles(), checksum.tableSizeBytes()

    def known_files(self, version: int | None = None) -> list[Action] | None:
        """The data files of a version, where Delta keeps them with the version's checksum: it does for few files."""
        return self._known_files(self._snapshot(version))

    def files(self, version: int | None = None) -> list[Action]:
        """The data files of a version. Costs a job where Delta does not keep them with the checksum."""
        return self._files(self._snapshot(version))

    def last_number(self, application: str) -> int:
        """The number of the application's last commit; -1 where it made none."""
        return self._last_number(self._snapshot(), application)

    def properties(self) -> dict[str, str]:
        """The properties of the latest version; none where there is no table."""
        return (_metadata(self._snapshot()) or {}).get("configuration", {})

    def begin(self, reads_all: bool = False) -> "Transaction":
        """A transaction on the latest version. `reads_all`: any row that another adds meanwhile is a conflict."""
        transaction = self._log.startTransaction(self._none, self._none)
        if reads_all:
            transaction.readWholeTable()
        return Transaction(self, transaction)

    def _snapshot(self, version: int | None = None) -> Any:
        latest = self._log.update(False, self._none, self._none)
        same = version is None or version == latest.version()
        return latest if same else self._log.getSnapshotAt(version, self._none, self._none, False)

    def _last_number(self, snapshot: Any, application: str) -> int:
        known = self._kept(snapshot, "setTransactions") if snapshot.version() >= 0 else []
        found = self._in_java(snapshot.setTransactions()) if known is None else known
        return max((each.version() for each in found if each.appId() == application), default=-1)

    def _files(self, snapshot: Any) -> list[Action]:
        known = self._known_files(snapshot)
        return self._actions(snapshot.allFiles().collectAsList(), "add") if known is None else known

    def _known_files(self, snapshot: Any) -> list[Action] | None:
        if snapshot.version() < 0:
            return []
        kept = self._kept(snapshot, "allFiles")
        return None if kept is None else self._actions(kept, "add")

    def _kept(self, snapshot: Any, name: str) -> Any:
        """What the version's checksum file keeps under a name; None where it does not."""
        checksum = snapshot.checksumOpt()
        found = getattr(checksum.get(), name)() if checksum.isDefined() else checksum
        return self._in_java(found.get()) if found.isDefined() else None

    def _in_java(self, found: Any) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters.asJava(found)

    def _actions(self, found: Iterable[Any], kind: str) -> list[Action]:
        return [json.loads(each.json())[kind] for each in found]


class Transaction:
    """A transaction of Delta that is not committed yet."""

    def __init__(self, log: DeltaLog, transaction: Any):
        self._log, self._transaction = log, transaction

    def last_number(self, application: str) -> int:
        """As of the log. A commit of the application that comes meanwhile is a conflict from here on."""
        self._transaction.readTxn().addOne(application)  # as Delta's own `txnVersion`, which runs two queries
        return self._log._last_number(self._transaction.snapshot(), application)

    def files(self) -> list[Action]:
        """The data files of the version that the transaction began with."""
        return self._log._files(self._transaction.snapshot())

    def metadata(self) -> Action | None:
        """The table's schema and properties; None where there is no table."""
        return _metadata(self._transaction.snapshot())

    def commit(self, actions: Sequence[Action]) -> None:
        """Commit lines of the log. Raises what Delta raises where another writer was faster (CONFLICTS)."""
        companion = getattr(getattr(self._log._delta.actions, "Action$"), "MODULE$")
        parsed = self._log._jvm.java.util.ArrayList()
        for action in actions:
            parsed.add(companion.fromJson(json.dumps(action)))
        lines = self._log._jvm.scala.jdk.javaapi.CollectionConverters.asScala(parsed).toSeq()
        only_made = [each.keys() for each in actions] == [{"metaData"}]
        self._transaction.commit(lines, self._made(parsed[0]) if only_made else self._written())

    def _made(self, metadata: Any) -> Any:
        """What the table's history calls a commit that makes it."""
        return getattr(self._log._delta, "DeltaOperations$CreateTable")(metadata, False, False, self._log._none)

    def _written(self) -> Any:
        """What it calls every other one. Of a "manual update" Delta would derive no checksum."""
        write = getattr(self._log._delta, "DeltaOperations$Write")
        return write(self._log._jvm.org.apache.spark.sql.SaveMode.Append, *[self._log._none] * 8)


def add_file(path: str, size: int, rows: int, partition: Mapping[str, str]) -> Action:
    """The line of a new data file; `path` is relative to the table."""
    stats = json.dumps({"numRecords": rows})
    written = {"size": size, "modificationTime": _milliseconds(), "dataChange": True, "stats": stats}
    return {"add": {"path": path, "partitionValues": dict(partition)} | written}


def remove_file(file: Action) -> Action:
    """The line that removes a data file."""
    values = {"partitionValues": file["partitionValues"], "size": file["size"], "extendedFileMetadata": True}
    return {"remove": {"path": file["path"], "deletionTimestamp": _milliseconds(), "dataChange": True} | values}


def number_application(application: str, number: int) -> Action:
    """The line with the number of an application's commit."""
    return {"txn": {"appId": application, "version": number, "lastUpdated": _milliseconds()}}


def create_table(schema: str, partition: Sequence[str], comment: str, properties: Mapping[str, str]) -> Action:
    """The line that makes a table; `schema` is JSON, as Spark writes it."""
    kept = {"id": str(uuid.uuid4()), "description": comment, "format": {"provider": "parquet", "options": {}}}
    kept |= {"schemaString": schema, "partitionColumns": list(partition), "configuration": dict(properties)}
    return {"metaData": kept | {"createdTime": _milliseconds()}}


def count_rows(files: Iterable[Action]) -> int | None:
    """Rows in data files, by their statistics; None where one has none."""
    counts = [json.loads(file.get("stats") or "{}").get("numRecords") for file in files]
    return None if None in counts else sum(counts)


def _metadata(snapshot: Any) -> Action | None:
    return json.loads(snapshot.metadata().json())["metaData"] if snapshot.version() >= 0 else None


def _milliseconds() -> int:
    return int(time.time() * 1000)
