"""What a landing is going to do: which files are looked at, which moved, and what is decided about each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from spark_jobs.addresses import base_name
from spark_jobs.context import Context
from spark_jobs.file_examination import examine_files
from spark_jobs.known_files import KnownFiles, is_below, is_outdated, missing_files, name_as_landed
from spark_jobs.sources.decide import Action, Decision, Strict, decide, to_examine, to_examine_too
from spark_jobs.sources.files import Examined
from spark_jobs.sources.listing import Found
from spark_jobs.sources.moves import Row, exchange, follow_moves


@dataclass(frozen=True)
class Plan:
    """What a landing does: a decision for each examined file; the ledger's rows by identity, moves followed; the paths
    that are gone; and the numbers of files whose rows go although no decision is about them."""

    decisions: list[Decision]
    known: dict[str, Row]
    gone: list[str]
    replaced: list[int]


def plan_landing(ctx: Context, present: list[Found], ledger: KnownFiles, rehash: bool, again: bool = False) -> Plan:
    """Look at what may have changed, and decide on the state after the landing. `again`: as for `landing.land`."""
    present = name_as_landed(present, ledger.rows)
    outdated = {path for path, row in ledger.rows.items() if again and is_outdated(row)}
    missing = missing_files(ledger.rows, present, ctx.settings.paths.raw)
    pairs = _examine(ctx, to_examine(present, ledger.rows, rehash, missing, outdated), ledger.rows, missing)
    pairs += _examine(ctx, to_examine_too(present, pairs, ledger.rows), ledger.rows, missing)
    moved = follow_moves(pairs, ledger.rows, missing)
    known, replaced = exchange(ledger.rows, moved, ledger.next_id())
    next_id = replace(ledger, rows=known).next_id()
    rules = ctx.settings.schema
    strict = Strict(new_column=rules.new_column == "refuse", lost_column=rules.lost_column == "refuse")
    decisions = [_with_move(each, moved) for each in decide(pairs, known, next_id, strict, outdated)]
    vanished = {path for path in missing if is_below(path, ctx.settings.paths.raw)}
    gone = [path for path in vanished if known[path]["status"] != "vanished"] + list(moved.values())
    replaced += [row["file_id"] for row in ledger.repeated if row["rows"]]
    return Plan(decisions, known, sorted({*gone}), replaced)


def _with_move(decision: Decision, moved: dict[str, str]) -> Decision:
    """The decision, with a word about the move that led to it."""
    source = moved.get(decision.file.path)
    if source is None or decision.action is Action.REFUSED:
        return decision
    sentence = f"{decision.file.name}: moved from {base_name(source)}; its rows are kept under the new name."
    return replace(decision, sentence=" ".join(filter(None, (sentence, decision.sentence))))


def _examine(
    ctx: Context, chosen: list[Found], known: dict[str, Row], missing: Iterable[str]
) -> list[tuple[Found, Examined]]:
    """One pass over each of these files.

    A file may begin with what it gave before, or with what one gave that is missing only now: it may have been renamed.
    """
    lost = {known[path]["content_bytes"] for path in missing if known[path]["status"] != "vanished"}
    own = {path: row["content_bytes"] for path, row in known.items()}
    wanted = {file.path: {size for size in (*lost, own.get(file.path)) if size} for file in chosen}
    return examine_files(ctx.spark, chosen, wanted)
