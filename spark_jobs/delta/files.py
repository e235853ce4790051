"""The files behind the tables: compaction of small files, removal of unneeded ones, file counts and sizes."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from urllib.parse import unquote

from delta.tables import DeltaTable
from pyspark.sql import functions as F

from spark_jobs.delta.log import CONFLICTS
from spark_jobs.delta.predicates import in_days
from spark_jobs.delta.storage import Storage
from spark_jobs.tables import Table

FEW_FILES = 4
VACUUMING = {
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",  # it knows only the table's retention
    "spark.databricks.delta.vacuum.logging.enabled": "false",  # it would add a commit that changes nothing
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "16",  # otherwise 10,000 tasks list a few folders
}


@dataclass(frozen=True)
class FileUsage:
    """The storage that a table uses.

    `files` and `bytes`: the data files of the latest version. `on_disk`: the bytes of all data files in the table's
    folder. `log_entries`: the entries of its log. `checkpoint_bytes`: the bytes of the log's latest checkpoint.
    """

    files: int
    bytes: int
    on_disk: int
    log_entries: int
    checkpoint_bytes: int


def measure_files(storage: Storage, table: Table) -> FileUsage:
    """Return the storage that the table uses; all zeros where the table does not exist."""
    if not storage.exists(table):
        return FileUsage(0, 0, 0, 0, 0)
    files, path = storage.file_system(storage.path(table))
    _, log_path = storage.file_system(f"{storage.path(table)}/_delta_log")
    summary = files.getContentSummary
    on_disk = summary(path).getLength() - summary(log_path).getLength()
    sizes = {status.getPath().getName(): status.getLen() for status in files.listStatus(log_path)}
    entries = sum(fnmatchcase(name, "*.json") for name in sizes)
    return FileUsage(*storage.measure_version(table), on_disk, entries, _measure_latest_checkpoint(sizes))


def _measure_latest_checkpoint(sizes: Mapping[str, int]) -> int:
    """Return the bytes of the latest checkpoint. The names of its files begin with its version number."""
    found = [name for name in sizes if fnmatchcase(name, "*.checkpoint*.parquet")]
    last = max((name.partition(".")[0] for name in found), default=None)
    return sum(sizes[name] for name in found if name.partition(".")[0] == last)


def vacuum(storage: Storage, table: Table, hours: float) -> None:
    """Remove the files that no version of the last `hours` needs. Older versions cannot be read afterwards."""
    if not storage.exists(table):
        return
    for name, value in VACUUMING.items():
        storage.spark.conf.set(name, value)
    try:
        DeltaTable.forPath(storage.spark, storage.path(table)).vacuum(hours)
    finally:
        for name in VACUUMING:
            storage.spark.conf.unset(name)


def find_last_note(storage: Storage, table: Table) -> tuple[int, str] | None:
    """Return the version and the note of the last commit with a note; None where no commit in the log has one."""
    if not storage.exists(table):
        return None
    history = DeltaTable.forPath(storage.spark, storage.path(table)).history()
    commit = history.where("userMetadata IS NOT NULL").orderBy(F.desc("version")).first()
    return (commit.version, commit.userMetadata) if commit else None


def name_in_ascii(storage: Storage, table: Table) -> None:
    """Rename log entries whose names contain non-ASCII digits to the names that Delta expects.

    A run in a language with its own digits wrote such an entry and ended at its first commit. An entry whose version
    already exists under its ASCII name is removed instead.
    """
    files, log = storage.file_system(f"{storage.path(table)}/_delta_log")
    names = [status.getPath().getName() for status in files.listStatus(log)] if files.exists(log) else []
    for name in names:
        ascii_name = "".join(str(unicodedata.digit(letter, letter)) for letter in name)
        if ascii_name != name and not name.isascii():
            (_, old), (_, new) = (
                storage.file_system(f"{storage.path(table)}/_delta_log/{each}") for each in (name, ascii_name)
            )
            files.delete(old, False) if files.exists(new) else files.rename(old, new)


def compact(storage: Storage, table: Table, days: Iterable[datetime]) -> int:
    """Compact the small files of closed days and return the number of days compacted. Rows do not change.

    If another writer committed first, the day is skipped until the next compaction.
    """
    compacted = 0
    for day in _find_fragmented_days(storage, table, list(days)) if storage.exists(table) else []:
        where = f"{table.partition} = DATE '{day:%Y-%m-%d}'"
        try:
            DeltaTable.forPath(storage.spark, storage.path(table)).optimize().where(where).executeCompaction()
        except CONFLICTS:
            continue
        compacted += 1
    return compacted


def _find_fragmented_days(storage: Storage, table: Table, days: list[datetime]) -> list[datetime]:
    known = storage.log(table).known_files() if days else []
    if known is None:
        found = (unquote(file.split("/")[-2]) for file in storage.list_files(table, where=in_days(days)))
    else:
        found = (f"{table.partition}={file['partitionValues'][table.partition]}" for file in known)
    counts = Counter(found)
    return sorted(day for day in days if counts[f"{table.partition}={day:%Y-%m-%d}"] > FEW_FILES)
