"""What to do with each file of the raw folder, given what the ledger knows of it: plain values in, plain values out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from spark_jobs.errors import SourceError
from spark_jobs.sources.files import Examined, Found
from spark_jobs.sources.header import OPTIONAL, columns, left_out
from spark_jobs.sources.records import BLANKS, Part


class Action(StrEnum):
    """What happens to a file."""

    NEW = "new"
    GREW = "grew"
    CHANGED = "changed"
    SAME = "same"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


READS = (Action.NEW, Action.GREW, Action.CHANGED)


@dataclass(frozen=True)
class Decision:
    """A file, what happens to it, from which byte of its content it is read, and the sentence to say about it."""

    file: Found
    action: Action
    file_id: int
    part: int
    examined: Examined
    columns: tuple[str, ...] = ()
    read_from: int = 0
    sentence: str | None = None


def gives(row: dict[str, Any]) -> bool:
    """Whether raw_events holds what a ledger row's digest stands for."""
    return row["status"] == "landed" or row["rows"] > 0


def to_examine(found: Iterable[Found], known: Mapping[str, dict[str, Any]], rehash: bool) -> list[Found]:
    """The files whose size or time is not as the ledger has it, and copies of content that no landed file gives now."""
    given = {row["digest"] for row in known.values() if gives(row)}
    return [file for file in found if rehash or _looks_changed(file, known.get(file.path), given)]


def _looks_changed(file: Found, row: dict[str, Any] | None, given: set[str]) -> bool:
    if row is None or (row["size"], row["modified"]) != (file.size, file.modified) or row["status"] == "vanished":
        return True
    return row["status"] == "duplicate" and row["digest"] not in given


@dataclass(frozen=True)
class Strict:
    """Whether a file is refused that has a column nobody knows, or lacks an optional one that the last file had."""

    new_column: bool = False
    lost_column: bool = False


LENIENT = Strict()


def decide(
    pairs: Iterable[tuple[Found, Examined]],
    known: Mapping[str, dict[str, Any]],
    next_id: int,
    strict: Strict = LENIENT,
) -> list[Decision]:
    """One decision for each examined file, in the order of their paths."""
    holders = {row["digest"]: path for path, row in known.items() if gives(row)}
    decisions = []
    for file, examined in sorted(pairs, key=lambda pair: pair[0].path):
        row = known.get(file.path)
        decision = _decide(file, examined, row, row["file_id"] if row else next_id, holders)
        if decision.action in (Action.NEW, Action.CHANGED):
            decision = _changed(decision, _last_header(known, file.path), strict)
        next_id += 0 if row else 1
        if decision.action in (Action.NEW, Action.GREW, Action.CHANGED):
            holders.setdefault(examined.digest, file.path)
        decisions.append(decision)
    return decisions


def _decide(
    file: Found, examined: Examined, row: dict[str, Any] | None, file_id: int, holders: Mapping[str, str]
) -> Decision:
    part = row["part"] if row else 0
    if examined.refusal:
        return Decision(file, Action.REFUSED, file_id, part, examined, sentence=f"{file.name}: {examined.refusal}")
    names = [text.strip(BLANKS) for text in examined.header]
    try:
        ours = tuple(columns(names))
    except SourceError as error:
        return Decision(file, Action.REFUSED, file_id, part, examined, sentence=f"{file.name}: {error}")
    read_before = row is not None and row["digest"] is not None
    if read_before and row["digest"] == examined.digest and gives(row):
        return Decision(file, Action.SAME, file_id, part, examined, ours, sentence=_remark(file, examined, names))
    holder = holders.get(examined.digest)
    if holder and holder != file.path:
        sentence = f"{file.name}: the same content as {holder.rpartition('/')[2]}, which has landed; nothing to do."
        return Decision(file, Action.DUPLICATE, file_id, part, examined, ours, sentence=sentence)
    sentence = _remark(file, examined, names)
    held = read_before and (gives(row) or row["digest"] in holders)
    grew = held and row["digest"] == examined.known_digest and list(row["header"]) == list(ours)
    if grew:
        begin = row["unfinished_from"] if row["unfinished_from"] is not None else row["content_bytes"]
        return Decision(file, Action.GREW, file_id, part + 1, examined, ours, begin, sentence)
    action = Action.CHANGED if read_before else Action.NEW
    return Decision(file, action, file_id, part + 1, examined, ours, examined.body_from, sentence)


def _last_header(known: Mapping[str, dict[str, Any]], path: str) -> list[str]:
    """The columns of the file that landed last, other than the one at `path`."""
    landed = [row for row in known.values() if row["status"] == "landed" and row["header"] and row["path"] != path]
    return max(landed, key=lambda row: row["file_id"])["header"] if landed else []


def _changed(decision: Decision, last: Iterable[str], strict: Strict) -> Decision:
    """The decision in view of the columns that are new or lost: refused, or with a sentence that says so."""
    name = decision.file.name
    new = left_out([text.strip(BLANKS) for text in decision.examined.header])
    lost = [column for column in OPTIONAL if column in last and column not in decision.columns]
    if new and strict.new_column:
        told = f"columns that nobody knows: {', '.join(new)}; take them out, or set schema.new_column = 'leave_out'."
    elif lost and strict.lost_column:
        told = f"columns are gone: {', '.join(lost)}; mend the source, or set schema.lost_column = 'accept'."
    elif lost:
        gone = f"{name}: without {', '.join(lost)}, which the file before had: these values are missing."
        return replace(decision, sentence=" ".join(filter(None, (decision.sentence, gone))))
    else:
        return decision
    return replace(decision, action=Action.REFUSED, part=decision.part - 1, sentence=f"{name}: {told}")


def _remark(file: Found, examined: Examined, names: list[str]) -> str | None:
    if unknown := left_out(names):
        return f"{file.name}: columns left out: {', '.join(unknown)}."
    if examined.body_from >= examined.content_bytes:
        return f"{file.name}: a header and no records yet."
    return None


def to_parts(decision: Decision, every: int) -> list[Part]:
    """The parts of a file, each of at least `every` bytes but for the last."""
    examined = decision.examined
    starts = [decision.read_from]
    for cut in examined.cuts:
        if cut - starts[-1] >= every and cut > decision.read_from:
            starts.append(cut)
    ends = [*starts[1:], examined.content_bytes]
    unfinished = examined.unfinished_from is not None
    return [
        Part(
            decision.file_id,
            decision.part,
            decision.file.path,
            start,
            end,
            unfinished and end == examined.content_bytes,
        )
        for start, end in zip(starts, ends, strict=True)
        if end > start
    ]
