"""Decide what to do with each file of the raw folder, given what the ledger knows of it. Plain values in and out.

Each content lands once. A decision is based on the state after the landing: a file is a copy of another one only if
that one still has the content then.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from spark_jobs.addresses import base_name
from spark_jobs.errors import SourceError
from spark_jobs.ledger_rows import FileRow
from spark_jobs.sources.content_comparison import has_grown, has_landed_content, is_same, landed_bytes
from spark_jobs.sources.csv_records import BLANKS, FileSplit
from spark_jobs.sources.files import ExaminedFile, is_packed
from spark_jobs.sources.header import find_ignored, map_columns
from spark_jobs.sources.listing import ListedFile
from spark_jobs.tables import FileStatus
from spark_jobs.tables.source_columns import OPTIONAL


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
    """A file, the action for it, the first byte of its content to read, and the sentence to report about it."""

    file: ListedFile
    action: Action
    file_id: int
    revision: int
    examined: ExaminedFile
    columns: tuple[str, ...] = ()
    read_from: int = 0
    sentence: str | None = None


@dataclass(frozen=True)
class Strict:
    """Whether to refuse a file that has an unknown column, or is missing an optional one that the last file had."""

    new_column: bool = False
    lost_column: bool = False


LENIENT = Strict()


def find_files_to_examine(
    found: Iterable[ListedFile],
    known: Mapping[str, FileRow],
    rehash: bool,
    missing: Collection[str] = (),
    again: Collection[str] = (),
) -> list[ListedFile]:
    """Return the files to examine: changed ones, copies without an original, and those that are to be read `again`.

    A file has changed where its size or time differs from the ledger. A copy is without an original where no present
    file gives its content. With `rehash`, files that look unchanged are examined too.
    """
    available = {row["digest"] for path, row in known.items() if has_landed_content(row) and path not in missing}
    found = [file for file in found if not (file.refusal and (row := known.get(file.path)) and has_landed_content(row))]
    return [
        file for file in found if rehash or file.path in again or _looks_changed(file, known.get(file.path), available)
    ]


def find_copies_to_examine(
    found: Iterable[ListedFile], pairs: Iterable[tuple[ListedFile, ExaminedFile]], known: Mapping[str, FileRow]
) -> list[ListedFile]:
    """Return the copies of content that an examined file may no longer have: one of them may have to give the rows."""
    examined = {file.path for file, _ in pairs}
    given_up = {known[path]["digest"] for path in examined if path in known and has_landed_content(known[path])}
    copies = [path for path, row in known.items() if row["status"] == FileStatus.DUPLICATE]
    wanted = {path for path in copies if known[path]["digest"] in given_up} - examined
    return [file for file in found if file.path in wanted]


def _looks_changed(file: ListedFile, row: FileRow | None, available: set[str | None]) -> bool:
    if (
        row is None
        or (row["size"], row["modified"]) != (file.size, file.modified)
        or row["status"] == FileStatus.VANISHED
    ):
        return True
    is_lost_copy = row["status"] == FileStatus.DUPLICATE and row["digest"] not in available
    return is_lost_copy


def decide(
    pairs: Iterable[tuple[ListedFile, ExaminedFile]],
    known: Mapping[str, FileRow],
    next_id: int,
    strict: Strict = LENIENT,
    again: Collection[str] = (),
) -> list[Decision]:
    """Return one decision for each examined file, by path. Files in `again` are read whether they changed or not.

    Files that keep the rows they gave come first, then those that grew, then the others. Each content goes to the first
    file that has it at that point; the rest are copies.
    """
    drafts = []
    for file, examined in sorted(pairs, key=lambda pair: pair[0].path):
        row = known.get(file.path)
        drafts.append(_draft_decision(file, examined, row, row["file_id"] if row else next_id, known, strict))
        if row and file.path in again and drafts[-1].action in (Action.SAME, Action.GREW):
            drafts[-1] = replace(
                drafts[-1], action=Action.CHANGED, revision=row["part"] + 1, read_from=examined.body_from
            )
        next_id += 0 if row else 1
    unsure = {draft.file.path for draft in drafts if draft.action in READS or _is_strictly_refused(draft)}
    holders = {row["digest"]: path for path, row in known.items() if has_landed_content(row) and path not in unsure}
    decided = []
    for draft in sorted(drafts, key=_rank_draft):
        row = known.get(draft.file.path)
        decision = _settle_decision(draft, row, holders)
        if decision.action in READS:
            holders[decision.examined.digest] = decision.file.path
        elif _is_strictly_refused(decision) and row and has_landed_content(row):
            holders.setdefault(row["digest"], decision.file.path)
        decided.append(decision)
    return sorted(decided, key=lambda decision: decision.file.path)


def _rank_draft(draft: Decision) -> int:
    """Return the order: refused files first, because they keep what they gave, then grown ones, which read least."""
    return {Action.REFUSED: 0, Action.GREW: 1}.get(draft.action, 2)


def _is_strictly_refused(decision: Decision) -> bool:
    """Return whether only the settings refuse the file: its content can be read, and may be a copy."""
    return decision.action is Action.REFUSED and bool(decision.columns)


def _draft_decision(
    file: ListedFile,
    examined: ExaminedFile,
    row: FileRow | None,
    file_id: int,
    known: Mapping[str, FileRow],
    strict: Strict,
) -> Decision:
    """Decide about the file as if no other file had its content."""
    draft = Decision(file, Action.REFUSED, file_id, row["part"] if row else 0, examined)
    if examined.refusal:
        return replace(draft, sentence=f"{file.name}: {examined.refusal}")
    names = [text.strip(BLANKS) for text in examined.header]
    try:
        draft = replace(draft, columns=tuple(map_columns(names)))
    except SourceError as error:
        return replace(draft, sentence=f"{file.name}: {error}")
    draft = replace(draft, sentence=_describe_header(file, examined, names))
    has_same_columns = row is not None and list(row["header"] or ()) == list(draft.columns)
    if is_same(row, examined) and has_same_columns:  # a column may be known now that was not when the file landed
        return replace(draft, action=Action.SAME)
    revision = draft.revision + 1
    if row and has_grown(row, examined) and has_same_columns:
        begin = landed_bytes(row) if row["unfinished_from"] is None else row["unfinished_from"]
        return replace(draft, action=Action.GREW, revision=revision, read_from=begin)
    action = Action.CHANGED if row is not None and row["digest"] is not None else Action.NEW
    draft = replace(draft, action=action, revision=revision, read_from=examined.body_from)
    return _compare_columns(draft, _find_last_header(known, file.path), strict)


def _settle_decision(draft: Decision, row: FileRow | None, holders: Mapping[str | None, str]) -> Decision:
    """Return the decision, given which file already has the content."""
    holder = holders.get(draft.examined.digest or "")
    if draft.action is Action.SAME or not draft.columns or holder in (None, draft.file.path):
        return draft
    sentence = f"{draft.file.name}: same content as {base_name(holder)}, which has already landed; nothing to do."
    revision = row["part"] if row else 0
    return replace(draft, action=Action.DUPLICATE, revision=revision, read_from=0, sentence=sentence)


def _find_last_header(known: Mapping[str, FileRow], path: str) -> list[str]:
    """Return the columns of the file that landed last, other than the one at `path`."""
    headers = {
        row["file_id"]: row["header"]
        for key, row in known.items()
        if row["status"] == FileStatus.LANDED and row["header"] and key != path
    }
    return headers[max(headers)] if headers else []


def _compare_columns(decision: Decision, last: Iterable[str], strict: Strict) -> Decision:
    """Return the decision, given the new and the missing columns: refused, or with a sentence about them."""
    name = decision.file.name
    new = find_ignored([text.strip(BLANKS) for text in decision.examined.header])
    lost = [column for column in OPTIONAL if column in last and column not in decision.columns]
    if new and strict.new_column:
        reason = f"unknown columns: {', '.join(new)}; remove them, or set schema.new_column = 'leave_out'."
    elif lost and strict.lost_column:
        reason = f"missing columns: {', '.join(lost)}; fix the source, or set schema.lost_column = 'accept'."
    elif lost:
        gone = f"{name}: missing columns: {', '.join(lost)}, which the previous file had; their values are null."
        return replace(decision, sentence=" ".join(filter(None, (decision.sentence, gone))))
    else:
        return decision
    return replace(decision, action=Action.REFUSED, revision=decision.revision - 1, sentence=f"{name}: {reason}")


def _describe_header(file: ListedFile, examined: ExaminedFile, names: list[str]) -> str | None:
    if unknown := find_ignored(names):
        return f"{file.name}: columns ignored: {', '.join(unknown)}."
    if examined.body_from >= examined.content_bytes:
        return f"{file.name}: a header but no records yet."
    return None


def split_files(decision: Decision, least_bytes: int) -> list[FileSplit]:
    """Split a file. Each split has at least `least_bytes` bytes, except the last one."""
    examined = decision.examined
    starts = [decision.read_from]
    for cut in examined.cuts:
        if cut - starts[-1] >= least_bytes and cut > decision.read_from:
            starts.append(cut)
    ends = [*starts[1:], examined.content_bytes]
    unfinished = examined.unfinished_from is not None
    return [
        FileSplit(
            decision.file_id,
            decision.revision,
            decision.file.path,
            start,
            end,
            unfinished and end == examined.content_bytes,
            is_packed(decision.file.name),
        )
        for start, end in zip(starts, ends, strict=True)
        if end > start
    ]
