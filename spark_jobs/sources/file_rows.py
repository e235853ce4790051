"""What a row of landed_files says of its file, beside what the file holds now. Plain values."""

from typing import Any

from spark_jobs.sources.files import Examined

Row = dict[str, Any]


def gives(row: Row) -> bool:
    """Whether raw_events holds what the row's digest stands for."""
    return row["status"] == "landed" or row["rows"] > 0


def is_same(row: Row | None, found: Examined) -> bool:
    """Whether raw_events holds the file's content under its own path already."""
    return row is not None and row["digest"] == found.digest and gives(row)


def has_grown(row: Row | None, found: Examined) -> bool:
    """Whether the file begins with what its row gave."""
    return row is not None and gives(row) and found.prefixes.get(row["content_bytes"]) == row["digest"] is not None


def empty_row(file_id: int, like: Row) -> Row:
    """A row of a file without rows, with the size and the time of another."""
    nothing = dict.fromkeys(("digest", "content_bytes", "header", "unfinished_from", "rule_version", "name"))
    uncounted = dict.fromkeys(("records", "suppressed", "suppressed_unfinished"))
    return like | nothing | uncounted | {"file_id": file_id, "part": 0, "status": "vanished", "rows": 0, "hours": []}
