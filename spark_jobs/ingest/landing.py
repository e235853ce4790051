"""Landing of files in raw_events: one commit for all rows added and removed, one for the ledger.

Executors compute the digests and read the records. The driver handles one line for each file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import reduce

import pyarrow as pa
from pyspark import Accumulator
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, from_arrow_type

from spark_jobs import tables
from spark_jobs.context import Context
from spark_jobs.coordination import failpoints
from spark_jobs.delta.predicates import in_windows
from spark_jobs.erasure.erased_records import CountBySplit, SplitCounts, count_by_file, leave_out
from spark_jobs.erasure.suppressed_users import load_suppression
from spark_jobs.ingest.landed_rows import Reading, ledger_rows
from spark_jobs.ingest.landing_plan import Plan, plan_landing
from spark_jobs.ledger.known_files import KnownFiles, known_files
from spark_jobs.ledger_rows import FileHour, FileRow
from spark_jobs.recovery.killed_attempts import undo_unrecorded
from spark_jobs.session import now
from spark_jobs.sources import arrow_fast_path, csv_records, files
from spark_jobs.sources.csv_records import FileSplit, Header
from spark_jobs.sources.file_decisions import READS, Action, Decision, split_files
from spark_jobs.sources.listing import list_files
from spark_jobs.sources.suppression import Suppression
from spark_jobs.transforms.digest import digest_events
from spark_jobs.transforms.parse import parse
from spark_jobs.windows import HOUR, ranges

LARGEST_SPLIT = 64 << 20


def land(ctx: Context, rehash: bool, again: bool = False) -> list[Decision]:
    """Land every new or changed file of the raw folder. Return the decision about each examined file.

    `again`: also read files that older rules parsed. A killed attempt leaves at most rows without a ledger entry; these
    are removed first. Raises SourceError only where the folder itself cannot be read.
    """
    undo(ctx)
    listing = list_files(ctx.settings.paths.raw)
    for line in listing.describe_skipped():
        ctx.say(f"note: {line}")
    ledger = known_files(ctx.ledger.files())
    suppression = load_suppression(ctx)
    plan = plan_landing(ctx, listing.files, ledger, rehash, again)
    failpoints.reach("landing.read")
    readings = _write_records(ctx, plan, suppression)
    failpoints.reach("landing.written")
    _record_outcomes(ctx, plan, ledger, readings)
    failpoints.reach("landing.recorded")
    return plan.decisions


def undo(ctx: Context) -> None:
    """Undo what a killed attempt did to raw_events without an entry in the ledger."""
    undo_unrecorded(ctx, tables.RAW_EVENTS)


def _write_records(ctx: Context, plan: Plan, suppression: Suppression | None) -> dict[int, Reading]:
    """Write the records to raw_events, except those of erased users. Return what was read from each file."""
    ctx.writer.create(tables.RAW_EVENTS)
    reading = [decision for decision in plan.decisions if decision.action in READS]
    removed_conditions = [
        sql for each in plan.decisions if (sql := _select_replaced_rows(each, plan.known.get(each.file.path)))
    ]
    removed_conditions += [f"(file_id = {file_id})" for file_id in plan.replaced]
    if not reading and not removed_conditions:
        return {}
    erased = ctx.spark.sparkContext.accumulator({}, CountBySplit())
    frames = [_parse_group(ctx, group, suppression, erased) for group in _group_by_header(reading)]
    frames = frames or [ctx.storage.frame(tables.RAW_EVENTS, [])]
    rows = reduce(DataFrame.unionByName, frames)
    if removed_conditions:
        ctx.writer.replace_and_append(tables.RAW_EVENTS, rows, " OR ".join(removed_conditions))
    else:
        ctx.writer.append(tables.RAW_EVENTS, rows)
    suppressed = count_by_file(erased.value)
    hours = _digest_landed_hours(ctx, reading)
    return {each.file_id: Reading(hours.get(each.file_id, []), *suppressed[each.file_id]) for each in reading}


def _select_replaced_rows(decision: Decision, old: FileRow | None) -> str | None:
    """Return SQL for the rows to remove: all rows of a changed file or copy, a grown file's unfinished last line."""
    if old is None or not old["rows"]:
        return None
    if decision.action in (Action.CHANGED, Action.DUPLICATE):
        return f"(file_id = {decision.file_id})"
    if decision.action is Action.GREW:
        hours = [entry["hour"] for entry in old["hours"] if entry["unfinished"]]
        where = in_windows(ranges(filter(None, hours), HOUR)) if any(hours) else "event_date IS NULL"
        return f"(file_id = {decision.file_id} AND unfinished AND ({where}))" if hours else None
    return None


def _group_by_header(reading: list[Decision]) -> list[list[Decision]]:
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Decision]] = {}
    for decision in reading:
        groups.setdefault((decision.examined.header, decision.columns), []).append(decision)
    return list(groups.values())


def _parse_group(
    ctx: Context, group: list[Decision], suppression: Suppression | None, erased: Accumulator[SplitCounts]
) -> DataFrame:
    """Return the records of files with the same header as raw_events rows. Each split of a file is a task.

    Records of erased users are skipped, and counted in `erased`.
    """
    header = Header(group[0].examined.header, group[0].columns)
    split_bytes = _choose_split_bytes(ctx, group)
    splits = [tuple(asdict(split).values()) for decision in group for split in split_files(decision, split_bytes)]
    tasks = ctx.spark.sparkContext.parallelize(splits, max(1, len(splits)))
    frame = ctx.spark.createDataFrame(
        tasks, "file_id INT, revision INT, path STRING, start BIGINT, end BIGINT, last BOOLEAN, packed BOOLEAN"
    )

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                split = FileSplit(**row)
                with files.open_content(split.path, split.start, split.packed) as stream:
                    typed = (
                        arrow_fast_path.parse_plain(each, header.columns)
                        for each in csv_records.read_split(split, stream, header)
                    )
                    yield from typed if suppression is None else leave_out(suppression, typed, split, erased)

    schema = from_arrow_schema(csv_records.schema(header))
    for name, kind in arrow_fast_path.list_fields(header.columns).items():
        schema = schema.add(name, from_arrow_type(kind))
    return parse(frame.mapInArrow(read, schema), header.columns)


def _choose_split_bytes(ctx: Context, group: list[Decision]) -> int:
    """Return the bytes of a split: small enough that every core has work, and at most LARGEST_SPLIT."""
    total = sum(decision.examined.content_bytes - decision.read_from for decision in group)
    return min(LARGEST_SPLIT, total // ctx.spark.sparkContext.defaultParallelism)


def _digest_landed_hours(ctx: Context, reading: list[Decision]) -> dict[int, list[FileHour]]:
    """Return rows and digest by file and hour of what was read in this landing."""
    files_by_revision: dict[int, list[int]] = {}
    for decision in reading:
        files_by_revision.setdefault(decision.revision, []).append(decision.file_id)
    where = " OR ".join(
        f"(part = {revision} AND file_id IN ({', '.join(map(str, ids))}))"
        for revision, ids in files_by_revision.items()
    )
    return digest_by_hour(ctx, where or "false")


def digest_by_hour(ctx: Context, where: str) -> dict[int, list[FileHour]]:
    """Return rows and digest by file and hour of the rows of raw_events that match `where`. One scan of those rows."""
    hour = F.when(F.col("event_date").isNotNull(), F.date_trunc("hour", "timestamp")).alias("hour")
    rows = ctx.storage.read(tables.RAW_EVENTS).where(where)
    found: dict[int, list[FileHour]] = {}
    aggregates = (F.count("*").alias("rows"), *digest_events("faults", "raw_text"))
    for row in rows.groupBy("file_id", hour, "unfinished").agg(*aggregates).collect():
        entry = FileHour(hour=row.hour, rows=row.rows, low=row.low, high=row.high, unfinished=row.unfinished)
        found.setdefault(row.file_id, []).append(entry)
    return found


def _record_outcomes(ctx: Context, plan: Plan, ledger: KnownFiles, readings: dict[int, Reading]) -> None:
    """Record the outcome of each file in the ledger."""
    stamp: FileRow = {"landed_at": now(), "raw_version": ctx.storage.version(tables.RAW_EVENTS)}
    rows, outdated = ledger_rows(plan, ledger, readings)
    ctx.ledger.record_files([row | stamp for row in rows], outdated)
