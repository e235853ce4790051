"""Comparison of a file's row in landed_files with the file's content now. Plain values."""

from typing import Any

from spark_jobs.sources.files import ExaminedFile

Row = dict[str, Any]


def has_landed_content(row: Row) -> bool:
    """Return whether raw_events has the rows of the content that the row's digest identifies."""
    return bool(row["status"] == "landed" or row["rows"] > 0)


def is_same(row: Row | None, found: ExaminedFile) -> bool:
    """Return whether raw_events already has the file's content under the file's own path."""
    return row is not None and row["digest"] == found.digest and has_landed_content(row)


def has_grown(row: Row | None, found: ExaminedFile) -> bool:
    """Return whether the file begins with the content that its row gave."""
    return (
        row is not None
        and has_landed_content(row)
        and found.prefixes.get(row["content_bytes"]) == row["digest"] is not None
    )


def empty_row(file_id: int, like: Row) -> Row:
    """Return the ledger row of a file without rows, with the size and the time of another file's row."""
    nothing = dict.fromkeys(("digest", "content_bytes", "header", "unfinished_from", "rule_version", "name"))
    uncounted = dict.fromkeys(("records", "suppressed", "suppressed_unfinished"))
    return like | nothing | uncounted | {"file_id": file_id, "part": 0, "status": "vanished", "rows": 0, "hours": []}
