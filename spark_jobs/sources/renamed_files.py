"""Files that were renamed after they landed: their rows move with them. Plain values in, plain values out."""

from collections.abc import Iterable, Mapping

from spark_jobs.ledger_rows import FileRow
from spark_jobs.sources.content_comparison import empty_row, has_grown, is_same, landed_bytes
from spark_jobs.sources.files import ExaminedFile
from spark_jobs.sources.listing import ListedFile

Pairs = list[tuple[ListedFile, ExaminedFile]]


def find_lost_rows(known: Mapping[str, FileRow], pairs: Pairs, missing: Iterable[str]) -> dict[str, FileRow]:
    """Return the ledger rows whose content is no longer at their path: the file is missing or no longer readable."""
    refused = {file.path for file, found in pairs if found.refusal and file.path in known}
    lost = {path: known[path] for path in sorted({*missing, *refused})}
    return {path: row for path, row in lost.items() if row["rows"] and row["digest"]}


def match_whole(pairs: Pairs, known: Mapping[str, FileRow], lost: Mapping[str, FileRow]) -> dict[str, str]:
    """Match files with exactly the content of a lost one: new path to old path. Each lost file is matched once."""
    by_digest = {row["digest"]: path for path, row in lost.items()}
    moved = {}
    for file, found in find_changed_files(pairs, known):
        if source := by_digest.pop(found.digest, None):
            moved[file.path] = source
    return moved


def match_grown(pairs: Pairs, known: Mapping[str, FileRow], lost: Mapping[str, FileRow]) -> dict[str, str]:
    """Match files that begin with the content of a lost one, longest first: they were renamed and have grown."""
    moved: dict[str, str] = {}
    for source, row in sorted(lost.items(), key=lambda item: -landed_bytes(item[1])):
        for file, found in find_changed_files(pairs, known):
            if file.path not in moved and has_grown(row, found):
                moved[file.path] = source
                break
    return moved


def find_changed_files(pairs: Pairs, known: Mapping[str, FileRow]) -> Pairs:
    """Return the readable files, by path, whose content is not exactly what their own row gave."""
    changed = []
    for file, found in sorted(pairs, key=lambda pair: pair[0].path):
        own = known.get(file.path)
        if not (found.refusal or is_same(own, found)):
            changed.append((file, found))
    return changed


def move_rows(
    known: Mapping[str, FileRow], moved: Mapping[str, str], names: Mapping[str, str], next_id: int
) -> tuple[dict[str, FileRow], list[int]]:
    """Return the ledger's rows after the moves, and the numbers of files whose path was taken by a moved file.

    The rows of those files are removed. A moved file's row gets the new path and the name it has there. The old path
    keeps an empty row. Its number is the one that the new path had; where it had none, the next one from `next_id`.
    """
    rows, replaced = dict(known), []
    for target, source in sorted(moved.items()):
        before = known.get(target)
        file_id, next_id = (before["file_id"], next_id) if before else (next_id, next_id + 1)
        if before and before["rows"]:
            replaced.append(file_id)
        rows[target] = known[source] | {"path": target, "name": names[target]}
        rows[source] = empty_row(file_id, known[source]) | {"sentence": f"moved to {target}."}
    return rows, replaced
