"""Files that were renamed since they landed: their rows follow them. Plain values in, plain values out."""

from collections.abc import Iterable, Mapping
from typing import Any

from spark_jobs.sources.files import Examined
from spark_jobs.sources.listing import Found

Row = dict[str, Any]


def follow_moves(
    pairs: Iterable[tuple[Found, Examined]], known: Mapping[str, Row], missing: Iterable[str]
) -> dict[str, str]:
    """Find files that have landed under a path that is gone: the path now, to the path before.

    A file has moved where it holds what the missing file gave, or, if that one is missing only now, begins with it: it
    was renamed and has grown. Each missing file moves once.
    """
    left = {
        file.path: found
        for file, found in sorted(pairs, key=lambda pair: pair[0].path)
        if not found.refusal and not is_same(known.get(file.path), found)
    }
    rows = (known[path] | {"path": path} for path in sorted(missing))
    movable = [row for row in rows if row["rows"] and row["digest"]]
    by_digest = {row["digest"]: row["path"] for row in movable}
    moved: dict[str, str] = {}
    for path, found in left.items():
        if source := by_digest.pop(found.digest, None):
            moved[path] = source
    for row in sorted(movable, key=lambda row: -row["content_bytes"]):
        if row["status"] == "vanished" or row["path"] in moved.values():
            continue
        grown = (path for path, found in left.items() if path not in moved and has_grown(row, found))
        if target := next((path for path in grown if not has_grown(known.get(path), left[path])), None):
            moved[target] = row["path"]
    return moved


def is_same(row: Row | None, found: Examined) -> bool:
    """Whether raw_events holds the file's content under its own path already."""
    return row is not None and row["digest"] == found.digest and gives(row)


def gives(row: Row) -> bool:
    """Whether raw_events holds what a ledger row's digest stands for."""
    return row["status"] == "landed" or row["rows"] > 0


def has_grown(row: Row | None, found: Examined) -> bool:
    """Whether the file begins with what its ledger row gave."""
    return row is not None and gives(row) and found.prefixes.get(row["content_bytes"]) == row["digest"] is not None


def exchange(known: Mapping[str, Row], moved: Mapping[str, str], next_id: int) -> tuple[dict[str, Row], list[int]]:
    """The ledger's rows after the moves, and the numbers of files whose rows go because a moved one took their path.

    A file's row gets its new path. The old path keeps an empty row, with the number that the new path had or, where it
    had none, the next one from `next_id` on.
    """
    rows, replaced = dict(known), []
    for target, source in sorted(moved.items()):
        before = known.get(target)
        file_id, next_id = (before["file_id"], next_id) if before else (next_id, next_id + 1)
        if before and before["rows"]:
            replaced.append(file_id)
        rows[target] = known[source] | {"path": target}
        rows[source] = empty_row(file_id, known[source]) | {"sentence": f"moved to {target}."}
    return rows, replaced


def empty_row(file_id: int, like: Row) -> Row:
    """A ledger row of a path without rows, with the size and the time of another."""
    nothing = {"digest": None, "content_bytes": None, "header": None, "unfinished_from": None, "rows": 0, "hours": []}
    return like | nothing | {"file_id": file_id, "part": 0, "status": "vanished", "records": None, "suppressed": None}
