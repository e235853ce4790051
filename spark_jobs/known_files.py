"""The ledger's files by their identity, whatever spelling of their path the ledger has."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from spark_jobs.addresses import base_name, canonical, is_remote
from spark_jobs.rule_versions import FIRST, VERSIONS
from spark_jobs.sources.listing import Found
from spark_jobs.sources.moves import Row


@dataclass(frozen=True)
class KnownFiles:
    """Ledger rows by identity; `spelled`: the path under which the ledger has each; `repeated`: further rows of a file
    that has one already, because an earlier version landed it under two paths."""

    rows: dict[str, Row]
    spelled: dict[str, str]
    repeated: list[Row]

    def next_id(self) -> int:
        """The first number that no file ever had."""
        return max((row["file_id"] for row in [*self.rows.values(), *self.repeated]), default=0) + 1


def known_files(ledger: Iterable[Row]) -> KnownFiles:
    """The rows of landed_files by identity. Of several rows of a file the first with rows counts."""
    rows: dict[str, Row] = {}
    spelled: dict[str, str] = {}
    repeated: list[Row] = []
    for row in sorted(ledger, key=lambda row: (not row["rows"], row["file_id"])):
        identity = canonical(row["path"])
        if identity in rows:
            repeated.append(row)
        else:
            rows[identity], spelled[identity] = row | {"path": identity}, row["path"]
    return KnownFiles(rows, spelled, repeated)


def is_outdated(row: Row) -> bool:
    """Whether rows of the file were parsed by older rules."""
    return row["rows"] > 0 and (row["rule_version"] or FIRST) < VERSIONS["parsing"]


def name_as_landed(present: Iterable[Found], known: Mapping[str, Row]) -> list[Found]:
    """Files under the names by which they first landed: these say whether a file is gzip."""
    return [
        replace(file, name=landed_name(row)) if (row := known.get(file.path)) and row["digest"] else file
        for file in present
    ]


def landed_name(row: Row) -> str:
    """The name under which a file first landed."""
    return row.get("name") or base_name(row["path"])


def missing_files(known: Mapping[str, Row], present: Iterable[Found], folder: str) -> set[str]:
    """Known files that are gone: from this folder, or, if they are local, from where they were."""
    here = {file.path for file in present}
    others = [path for path in known if path not in here]
    return {path for path in others if is_below(path, folder) or not (is_remote(path) or os.access(path, os.F_OK))}


def is_below(path: str, folder: str) -> bool:
    """Whether an identity lies in the folder."""
    return path.startswith(canonical(folder).rstrip("/") + "/")
