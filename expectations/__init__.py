"""One Great Expectations suite for each table. Only `spark_jobs.quality` runs them.

A suite judges *measures*: one row for each unit (hour, day or snapshot) with counts of the rows that break each rule,
taken in one pass over the events. `critical` keeps the unit out, `warning` is reported; these are Great Expectations'
own severities. A measure that is null for a unit is not judged there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs.tables import Table
from spark_jobs.transforms.measure import Rule as Rule

CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True)
class Expected:
    """A measure and the bounds it must keep; `rows` is the measure that counts the rows behind it."""

    measure: str
    says: str
    least: float | None = None
    most: float | None = None
    severity: str = CRITICAL
    rows: str | None = None


@dataclass(frozen=True)
class Suite:
    """What is expected of one table's measures. Plain values: the library is paid for only when judging."""

    name: str
    expected: list[Expected]

    def build(self) -> Any:
        """The suite as Great Expectations knows it (`great_expectations.ExpectationSuite`)."""
        import great_expectations as gx
        from great_expectations.expectations import ExpectColumnValuesToBeBetween

        expectations = [
            ExpectColumnValuesToBeBetween(
                column=one.measure,
                min_value=one.least,
                max_value=one.most,
                severity=one.severity,
                meta={"says": one.says, "rows": one.rows or one.measure},
                notes=one.says,
            )
            for one in self.expected
        ]
        return gx.ExpectationSuite(name=self.name, expectations=expectations)


def at_most(measure: str, limit: float, says: str, severity: str = CRITICAL, rows: str | None = None) -> Expected:
    """Expects `measure` not to exceed `limit`; `says` is the rule in words."""
    return Expected(measure, says, most=limit, severity=severity, rows=rows)


def at_least(measure: str, limit: float, says: str, severity: str = CRITICAL, rows: str | None = None) -> Expected:
    """Expects `measure` not to fall below `limit`."""
    return Expected(measure, says, least=limit, severity=severity, rows=rows)


def structure(table: Table, keys: bool = True) -> list[Expected]:
    """What `tables` promises of a table: no null in its required columns, no second row for a key (unless the suite
    has its own way to know that: `keys` False)."""
    nulls = [at_most(f"null_{name}", 0, f"{name} is never null") for name in table.required]
    unique = [at_most("repeated_keys", 0, f"one row for each {', '.join(table.key)}")] if table.key and keys else []
    return nulls + unique


def rules(broken: Mapping[str, Rule]) -> list[Expected]:
    """One critical expectation for each rule: no row breaks it."""
    return [at_most(name, 0, rule.says) for name, rule in broken.items()]
