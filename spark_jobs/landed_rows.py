"""The ledger's row of a file after a landing: what it gave, or why it gave nothing. No Spark."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from spark_jobs.rule_versions import FIRST, VERSIONS
from spark_jobs.sources import files
from spark_jobs.sources.decide import Action, Decision
from spark_jobs.sources.moves import Row


@dataclass(frozen=True)
class Reading:
    """What was read of a file now: rows and digest by hour, and how many records of erased users were left out."""

    hours: list[Row] = field(default_factory=list)
    suppressed: int = 0


NOTHING = Reading()


def vanished_row(row: Row) -> Row:
    """The row of a file that is no longer there. Its rows are kept, unless they moved with it."""
    kept = "the file has vanished; its rows are kept."
    return row | {"status": "vanished", "sentence": kept if row["digest"] or row["rows"] else row["sentence"]}


def landed_row(decision: Decision, old: Row | None, reading: Reading) -> Row:
    """The ledger row after a decision. A file that is refused after it landed keeps the rows it gave before."""
    file, examined = decision.file, decision.examined
    looked = {"path": file.path, "size": file.size, "modified": file.modified, "sentence": decision.sentence}
    empty = {"file_id": decision.file_id, "part": decision.part, "rows": 0, "hours": [], "name": file.name}
    if decision.action is Action.REFUSED:
        return empty | (old or {}) | looked | {"status": "refused"}
    if decision.action is Action.SAME:
        return old | looked | {"status": "landed"}
    read = {
        "digest": examined.digest,
        "content_bytes": examined.content_bytes,
        "header": list(decision.columns),
        "unfinished_from": examined.unfinished_from,
    }
    if decision.action is Action.DUPLICATE:
        return empty | looked | read | {"status": "duplicate"}
    hours, suppressed, counted, version = reading.hours, reading.suppressed, True, VERSIONS["parsing"]
    if decision.action is Action.GREW:
        hours = _add([part for part in old["hours"] if not part["unfinished"]], hours)
        version = min(version, old["rule_version"] or FIRST)
        suppressed += (old["suppressed"] or 0) - _is_unfinished_suppressed(decision, old)
        counted = old["records"] is not None
    counts = {"records": examined.records, "suppressed": suppressed} if counted else {}
    given = {"status": "landed", "hours": hours, "rows": sum(h["rows"] for h in hours), "rule_version": version}
    return empty | looked | read | counts | given


def _is_unfinished_suppressed(decision: Decision, old: Row) -> bool:
    """Whether the unfinished last line that a file ended with was an erased user's, for it is counted again now.

    It was no blank line and gave no row.
    """
    if not old["suppressed"] or old["unfinished_from"] is None or any(part["unfinished"] for part in old["hours"]):
        return False
    with files.open_content(decision.file.path, old["unfinished_from"], files.is_packed(decision.file.name)) as stream:
        return bool(stream.read(old["content_bytes"] - old["unfinished_from"]).strip(b" \t\r\n"))


def _add(before: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Join the entries of the same hour by adding: digests are sums."""
    joined: dict[tuple, Row] = {}
    for part in (*before, *new):
        key = (part["hour"], part["unfinished"])
        old = joined.get(key, {"rows": 0, "low": 0, "high": 0})
        joined[key] = part | {name: old[name] + part[name] for name in ("rows", "low", "high")}
    return list(joined.values())
