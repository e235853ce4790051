"""The ledger's files by their identity, which does not depend on the spelling of the path in the ledger."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from spark_jobs.addresses import base_name, is_remote, resolve_address
from spark_jobs.ledger.rule_versions import FIRST, VERSIONS
from spark_jobs.ledger_rows import FileRow
from spark_jobs.sources.listing import ListedFile

READ_AGAIN = 0  # a rule version: the next landing reads the file again, even if it has not changed


@dataclass(frozen=True)
class KnownFiles:
    """Ledger rows by file identity.

    `stored_paths`: the path under which the ledger has each file. `repeated`: further rows of a file that already has
    one, because an earlier version of the project landed it under two paths.
    """

    rows: dict[str, FileRow]
    stored_paths: dict[str, str]
    repeated: list[FileRow]

    def next_id(self) -> int:
        """Return the first number that no file ever had."""
        return max((row["file_id"] for row in [*self.rows.values(), *self.repeated]), default=0) + 1


def known_files(ledger: Iterable[FileRow]) -> KnownFiles:
    """Return the rows of landed_files by identity. Of several rows of a file the first one with landed rows is used."""
    rows: dict[str, FileRow] = {}
    stored_paths: dict[str, str] = {}
    repeated: list[FileRow] = []
    for row in sorted(ledger, key=lambda row: (not row["rows"], row["file_id"])):
        identity = resolve_address(row["path"])
        if identity in rows:
            repeated.append(row)
        else:
            rows[identity], stored_paths[identity] = row | {"path": identity, "name": landed_name(row)}, row["path"]
    return KnownFiles(rows, stored_paths, repeated)


def is_parsed_by_older_rules(row: FileRow) -> bool:
    """Return whether the file has rows that were parsed by older rules than the current ones."""
    version = FIRST if row["rule_version"] is None else row["rule_version"]
    return row["rows"] > 0 and READ_AGAIN < version < VERSIONS["parsing"]


def to_read_again(known: Mapping[str, FileRow], outdated: bool) -> set[str]:
    """Return the files to read even if they have not changed; with `outdated` also those that older rules parsed."""
    return {
        path
        for path, row in known.items()
        if row["rule_version"] == READ_AGAIN or (outdated and is_parsed_by_older_rules(row))
    }


def name_as_landed(present: Iterable[ListedFile], known: Mapping[str, FileRow]) -> list[ListedFile]:
    """Return the files under the names of their first landing: the name decides whether a file is gzip."""
    return [
        replace(file, name=landed_name(row)) if (row := known.get(file.path)) and row["digest"] else file
        for file in present
    ]


def landed_name(row: FileRow) -> str:
    """Return the name under which a file first landed."""
    return row["name"] or base_name(row["path"])


def find_missing_files(known: Mapping[str, FileRow], present: Iterable[ListedFile], folder: str) -> set[str]:
    """Return the known files that no longer exist. A remote file is reported only if its folder was listed."""
    here, inside = {file.path for file in present}, resolve_address(folder).rstrip("/") + "/"
    others = [path for path in known if path not in here]
    return {path for path in others if (path.startswith(inside) if is_remote(path) else not os.access(path, os.F_OK))}
