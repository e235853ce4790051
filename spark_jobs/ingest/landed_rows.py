"""The ledger's rows of files after a landing: what each file gave, or why it gave nothing. Plain values in and out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.ingest.landing_plan import Plan
from spark_jobs.ledger.known_files import KnownFiles
from spark_jobs.ledger.rule_versions import FIRST, VERSIONS
from spark_jobs.ledger_rows import FileHour, FileRow
from spark_jobs.sources.file_decisions import Action, Decision
from spark_jobs.tables import FileStatus

REPEATED: FileRow = {"status": FileStatus.DUPLICATE, "rows": 0, "hours": [], "records": None, "suppressed": None}
REPEATED |= {"sentence": "landed earlier under another path; its rows were removed."}


@dataclass(frozen=True)
class Reading:
    """What was read from a file in this landing: rows and digest by hour, and skipped records of erased users.

    `suppressed`: the number of these records. `suppressed_unfinished`: whether the unfinished last line is one of them.
    """

    hours: list[FileHour] = field(default_factory=list)
    suppressed: int = 0
    suppressed_unfinished: bool = False


NOTHING = Reading()


def ledger_rows(plan: Plan, ledger: KnownFiles, readings: Mapping[int, Reading]) -> tuple[list[FileRow], set[str]]:
    """Return the rows to write, and the paths whose rows are removed. Each row is stored under its file's identity.

    Where the ledger has a file twice, the row that counts gets the identity. The other one gets the spelling of the
    path that becomes free.
    """
    decided = [
        landed_row(each, plan.known.get(each.file.path), readings.get(each.file_id, NOTHING)) for each in plan.decisions
    ]
    rows = {row["path"]: row for row in [*decided, *(vanished_row(plan.known[path]) for path in plan.gone)]}
    for repeated in (row for row in ledger.repeated if row["rows"]):
        path = repeated["path"]
        if path in plan.known:
            rows.setdefault(path, plan.known[path])
            path = ledger.stored_paths[path]
        rows[path] = repeated | REPEATED | {"path": path}
    outdated = {ledger.stored_paths[path] for path in rows if path in ledger.stored_paths} - rows.keys()
    return list(rows.values()), outdated


def vanished_row(row: FileRow) -> FileRow:
    """Return the row of a file that no longer exists. Its rows are kept, unless they moved with it."""
    sentence = "the file has vanished; its rows are kept." if row["rows"] else "the file has vanished."
    return row | {"status": FileStatus.VANISHED, "sentence": row["sentence"] if row["digest"] is None else sentence}


def landed_row(decision: Decision, old: FileRow | None, reading: Reading) -> FileRow:
    """Return the ledger row after a decision. A file that is refused after it landed keeps the rows it gave before."""
    file, examined = decision.file, decision.examined
    observed: FileRow = {"path": file.path, "size": file.size, "modified": file.modified, "sentence": decision.sentence}
    empty: FileRow = {"file_id": decision.file_id, "part": decision.revision, "rows": 0, "hours": [], "name": file.name}
    if decision.action is Action.REFUSED:
        return empty | (old or {}) | observed | {"status": FileStatus.REFUSED}
    if decision.action is Action.SAME:
        return (old or {}) | observed | {"status": FileStatus.LANDED}
    read: FileRow = {
        "digest": examined.digest,
        "content_bytes": examined.content_bytes,
        "header": list(decision.columns),
        "unfinished_from": examined.unfinished_from,
    }
    if decision.action is Action.DUPLICATE:
        return empty | observed | read | {"status": FileStatus.DUPLICATE}
    return empty | observed | read | _compute_contribution(decision, old, reading) | {"status": FileStatus.LANDED}


def _compute_contribution(decision: Decision, old: FileRow | None, reading: Reading) -> FileRow:
    """Return what the file gives. A grown file adds this to what it gave before, without the old unfinished line."""
    hours, suppressed = reading.hours, reading.suppressed
    records: int | None = decision.examined.records
    version = VERSIONS["parsing"]
    if decision.action is Action.GREW and old is not None:
        hours = _add_hours([entry for entry in old["hours"] if not entry["unfinished"]], hours)
        suppressed += (old["suppressed"] or 0) - bool(old["suppressed_unfinished"])
        records = None if old["records"] is None else records
        version = min(version, FIRST if old["rule_version"] is None else old["rule_version"])
    return {
        "hours": hours,
        "rows": sum(entry["rows"] for entry in hours),
        "records": records,
        "suppressed": suppressed,
        "suppressed_unfinished": reading.suppressed_unfinished,
        "rule_version": version,
    }


def _add_hours(before: Iterable[FileHour], new: Iterable[FileHour]) -> list[FileHour]:
    """Merge the entries of the same hour by addition: digests are sums."""
    merged: dict[tuple[datetime | None, bool], FileHour] = {}
    for entry in (*before, *new):
        total = merged.setdefault((entry["hour"], entry["unfinished"]), entry | {"rows": 0, "low": 0, "high": 0})
        for name in ("rows", "low", "high"):
            total[name] += entry[name]
    return list(merged.values())
