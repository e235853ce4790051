"""Comparison of a file's row in landed_files with the file's content now. Plain values."""

from spark_jobs.ledger_rows import FileRow
from spark_jobs.sources.files import ExaminedFile
from spark_jobs.tables import FileStatus


def has_landed_content(row: FileRow) -> bool:
    """Return whether raw_events has the rows of the content that the row's digest identifies."""
    return row["status"] == FileStatus.LANDED or row["rows"] > 0


def is_same(row: FileRow | None, found: ExaminedFile) -> bool:
    """Return whether raw_events already has the file's content under the file's own path."""
    return row is not None and row["digest"] == found.digest and has_landed_content(row)


def has_grown(row: FileRow | None, found: ExaminedFile) -> bool:
    """Return whether the file begins with the content that its row gave."""
    return (
        row is not None
        and has_landed_content(row)
        and found.prefixes.get(landed_bytes(row)) == row["digest"] is not None
    )


def landed_bytes(row: FileRow) -> int:
    """Return the length of the content that the row's digest identifies; 0 where it has no digest."""
    return row["content_bytes"] or 0


def empty_row(file_id: int, like: FileRow) -> FileRow:
    """Return the ledger row of a file without rows, with the size and the time of another file's row."""
    unread: FileRow = {"digest": None, "content_bytes": None, "header": None, "unfinished_from": None, "name": None}
    unread |= {"records": None, "suppressed": None, "suppressed_unfinished": None, "rule_version": None}
    return like | unread | {"file_id": file_id, "part": 0, "status": FileStatus.VANISHED, "rows": 0, "hours": []}
