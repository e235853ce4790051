"""The plan of a landing: which files are examined, which moved, and what is decided about each."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from spark_jobs.addresses import base_name, resolve_address
from spark_jobs.context import Context
from spark_jobs.ingest.file_examination import examine_files
from spark_jobs.ledger.known_files import KnownFiles, find_missing_files, name_as_landed, to_read_again
from spark_jobs.ledger_rows import FileRow
from spark_jobs.sources.content_comparison import has_grown, landed_bytes
from spark_jobs.sources.file_decisions import (
    Action,
    Decision,
    Strict,
    decide,
    find_copies_to_examine,
    find_files_to_examine,
)
from spark_jobs.sources.listing import ListedFile
from spark_jobs.sources.renamed_files import (
    Pairs,
    find_changed_files,
    find_lost_rows,
    match_grown,
    match_whole,
    move_rows,
)
from spark_jobs.tables import FileStatus


@dataclass(frozen=True)
class Plan:
    """What a landing does. `decisions`: one for each examined file.

    `known`: the ledger's rows by identity, after moves. `gone`: paths whose files no longer exist. `replaced`: numbers
    of files whose rows are removed although no decision is about them.
    """

    decisions: list[Decision]
    known: dict[str, FileRow]
    gone: list[str]
    replaced: list[int]


def plan_landing(
    ctx: Context, present: list[ListedFile], ledger: KnownFiles, rehash: bool, again: bool = False
) -> Plan:
    """Examine what may have changed, and decide by the state after the landing. `again`: as for `landing.land`."""
    folder, rules = ctx.settings.paths.raw, ctx.settings.source_schema
    present = name_as_landed(present, ledger.rows)
    missing = find_missing_files(ledger.rows, present, folder)
    pairs = _examine_changed_files(ctx.spark, present, ledger.rows, missing, rehash, to_read_again(ledger.rows, again))
    moved = _follow_moves(ctx.spark, pairs, ledger.rows, missing)
    names = {file.path: file.name for file in present}
    known, replaced = move_rows(ledger.rows, moved, names, ledger.next_id())
    next_id = replace(ledger, rows=known).next_id()
    strict = Strict(new_column=rules.new_column == "refuse", lost_column=rules.lost_column == "refuse")
    decisions = decide(pairs, known, next_id, strict, to_read_again(known, again))
    inside = resolve_address(folder).rstrip("/") + "/"
    gone = {path for path in missing if path.startswith(inside) and known[path]["status"] != FileStatus.VANISHED}
    gone = {*gone, *moved.values()} - {decision.file.path for decision in decisions}
    replaced += [row["file_id"] for row in ledger.repeated if row["rows"]]
    return Plan([_mention_move(each, moved) for each in decisions], known, sorted(gone), replaced)


def _mention_move(decision: Decision, moved: dict[str, str]) -> Decision:
    """Return the decision, with a sentence about the move that led to it."""
    source = moved.get(decision.file.path)
    if source is None or decision.action is Action.REFUSED:
        return decision
    sentence = f"{decision.file.name}: moved from {base_name(source)}; its rows are kept under the new name."
    return replace(decision, sentence=" ".join(filter(None, (sentence, decision.sentence))))


def _examine_changed_files(
    spark: SparkSession,
    present: list[ListedFile],
    known: dict[str, FileRow],
    missing: Collection[str],
    rehash: bool,
    again: Collection[str],
) -> Pairs:
    """Examine each changed file in one pass. The digest of its former length shows whether it has only grown."""
    prefixes = {path: [row["content_bytes"]] for path, row in known.items() if row["content_bytes"]}
    pairs = examine_files(spark, find_files_to_examine(present, known, rehash, missing, again), prefixes)
    return pairs + examine_files(spark, find_copies_to_examine(present, pairs, known), prefixes)


def _follow_moves(
    spark: SparkSession, pairs: Pairs, known: dict[str, FileRow], missing: Collection[str]
) -> dict[str, str]:
    """Find files that landed earlier under another path. Return new path to old path.

    Content that was lost only in this landing may also be the beginning of another file. Where such content and such
    files remain after whole contents were matched, these files are read a second time.
    """
    lost = find_lost_rows(known, pairs, missing)
    moved = match_whole(pairs, known, lost)
    lost_rows = {
        path: row for path, row in lost.items() if row["status"] == FileStatus.LANDED and path not in {*moved.values()}
    }
    sizes = sorted({landed_bytes(row) for row in lost_rows.values()})
    prefixes = {
        file: [size for size in sizes if size < found.content_bytes]
        for file, found in find_changed_files(pairs, known)
        if file.path not in moved and not has_grown(known.get(file.path), found)
    }
    grown = examine_files(
        spark, [file for file in prefixes if prefixes[file]], {f.path: of for f, of in prefixes.items()}
    )
    return moved | match_grown(grown, known, lost_rows)
