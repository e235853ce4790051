"""The version of each step's rules, from parsing to item features.

Raise a version when a corrected rule gives another result for the same input. The digest of a build's inputs then
differs, as after a changed setting, and the next run over a day, or the next snapshot, builds it again. A run does not
build anything outside of its window for that reason, and no file is landed again automatically: `make status` reports
both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from spark_jobs.flow import DAILY
from spark_jobs.ledger.status import fingerprint

VERSIONS = {
    "parsing": 1,
    "validation": 1,
    "deduplication": 1,
    "repair": 1,
    "interactions": 1,
    "matrix": 1,
    "user_features": 1,
    "item_features": 1,
}
FIRST = 1  # the version of a ledger row that has none
OF_STEP = {job.name: job.rules for job in DAILY}


def versions_of(step: str) -> dict[str, int]:
    """Return the current versions of the rules that a build of the step uses."""
    return {name: VERSIONS[name] for name in OF_STEP[step]}


def is_outdated(step: str, recorded: Mapping[str, int] | None) -> bool:
    """Return whether older rules produced a build.

    `recorded`: the versions in its ledger row; None: the first ones.
    """
    return any(recorded_version(recorded, name) < VERSIONS[name] for name in OF_STEP[step])


def recorded_version(recorded: Mapping[str, int] | None, name: str) -> int:
    """Return the version of a step's rules in a ledger row."""
    return (recorded or {}).get(name, FIRST)


def build_digest(step: str, content: Any, settings: Iterable[Any], recorded: Mapping[str, int] | None = None) -> str:
    """Return the digest of what a build depends on: content, settings and rules.

    `recorded`: the rule versions to use; None: the current ones. First versions add nothing to the digest, so that
    builds from before there were versions remain valid.
    """
    return fingerprint(content, *settings, *list_marks(step, versions_of(step) if recorded is None else recorded))


def list_marks(step: str, versions: Mapping[str, int]) -> list[str]:
    """Return what the rule versions add to the settings that a build depends on."""
    raised = {name: recorded_version(versions, name) for name in OF_STEP[step]}
    return [f"{name}={version}" for name, version in raised.items() if version > FIRST]
