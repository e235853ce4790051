"""The version of each step's rules, from parsing to item features.

Raise a version when a rule is corrected, so that the same input gives another result. What a build rests on then
differs, as after a changed setting: the next run over a day, or the next snapshot, builds it again. Nothing outside of
a run's window is built for that reason, and no file is landed again by itself: `make status` names both.
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
FIRST = 1  # what a row of the ledger without a version was made by
OF_STEP = {job.name: job.rules for job in DAILY}


def versions_of(step: str) -> dict[str, int]:
    """The versions that a build of the step has now."""
    return {name: VERSIONS[name] for name in OF_STEP[step]}


def is_outdated(step: str, recorded: Mapping[str, int] | None) -> bool:
    """Whether older rules made a build. `recorded`: the versions in its ledger row, None: the first ones."""
    return any(recorded_version(recorded, name) < VERSIONS[name] for name in OF_STEP[step])


def recorded_version(recorded: Mapping[str, int] | None, name: str) -> int:
    """The version that a ledger row has of a step's rules."""
    return (recorded or {}).get(name, FIRST)


def build_digest(step: str, content: Any, settings: Iterable[Any], recorded: Mapping[str, int] | None = None) -> str:
    """What a build rests on: content, settings and rules. `recorded`: under these versions; None: under those of now.

    First versions leave no mark, so that builds from before there were versions are as they should be.
    """
    return fingerprint(content, *settings, *marks(step, versions_of(step) if recorded is None else recorded))


def marks(step: str, versions: Mapping[str, int]) -> list[str]:
    """What the versions add to the settings that a build rests on."""
    raised = {name: recorded_version(versions, name) for name in OF_STEP[step]}
    return [f"{name}={version}" for name, version in raised.items() if version > FIRST]
