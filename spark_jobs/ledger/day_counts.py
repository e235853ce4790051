"""The counts of remove_duplicates for each day, for later steps and the report: entries of `day_builds.counts`."""

from collections.abc import Iterable, Mapping

from spark_jobs.ledger.rule_versions import VERSIONS
from spark_jobs.transforms.impute import COLUMNS

DROPPED, WITHOUT = "dropped_", "without_"  # prefixes of an event type and of a column
RULES = "repair_rules"  # the version of the rules that define a missing value


def to_counts(dropped: Mapping[str, int], missing: Mapping[str, int]) -> dict[str, int]:
    """Return a day's counts: dropped duplicates by event type, and kept events without a value by column."""
    by_type = {f"{DROPPED}{name}": rows for name, rows in dropped.items()}
    return by_type | {f"{WITHOUT}{name}": rows for name, rows in missing.items()} | {RULES: VERSIONS["repair"]}


def dropped_by_type(counts: Mapping[str, str]) -> dict[str, int]:
    """Return the dropped duplicates by event type; empty where an older version of the project built the day."""
    return {name.removeprefix(DROPPED): int(rows) for name, rows in counts.items() if name.startswith(DROPPED)}


def columns_to_fill(days: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the columns in which events of these days may have no value.

    If other rules than the current ones counted one of the days, these are all COLUMNS.
    """
    days = list(days)
    if any(counts.get(RULES) != str(VERSIONS["repair"]) for counts in days):
        return list(COLUMNS)
    return [name for name in COLUMNS if any(counts[f"{WITHOUT}{name}"] != "0" for counts in days)]
