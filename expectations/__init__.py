"""One Great Expectations suite for each table. Only `spark_jobs.validation.great_expectations` runs them.

A suite judges *measures*: one row for each unit (hour, day or snapshot) with counts of the rows that break each rule,
taken in one pass over the events. `critical` keeps the unit out, `warning` is reported; these are Great Expectations'
own severities. A measure that is null for a unit is not judged there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs.tables import Table
from spark_jobs.transforms.measures import Rule as Rule

CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True)
class Expected:
    """A measure and the bounds it must keep.

    `rows` names the measure that counts the rows behind it, `of` the one that counts the rows they are a part of. Both
    are what a person reads beside a failure; without them it shows no numbers.
    """

    measure: str
    says: str
    least: float | None = None
    most: float | None = None
    severity: str = CRITICAL
    rows: str | None = None
    of: str | None = None

    def holds(self, value: float) -> bool:
        """Whether the measure keeps its bounds; a null is not judged."""
        low, high = self.least is not None and value < self.least, self.most is not None and value > self.most
        return not (low or high)


@dataclass(frozen=True)
class Suite:
    """What is expected of one table's measures. Plain values: the library is paid for only when judging."""

    name: str
    expected: list[Expected]

    def broken_by(self, measures: Mapping[str, float]) -> list[str]:
        """Return the critical measures that break their bounds. A null is not judged; one that is missing will raise.

        The verdict itself is Great Expectations'; this gives the same answer where one is needed before it.
        """
        critical = [one for one in self.expected if one.severity == CRITICAL]
        return [one.measure for one in critical if one.measure not in measures or not one.holds(measures[one.measure])]

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
                meta={"says": one.says, "rows": one.rows, "of": one.of},
                notes=one.says,
            )
            for one in self.expected
        ]
        return gx.ExpectationSuite(name=self.name, expectations=expectations)


def at_most(measure: str, limit: float, says: str, severity: str = CRITICAL, **shown: str) -> Expected:
    """Expect `measure` not to exceed `limit`; `says` is the rule in words, `shown` gives `rows` and `of`."""
    return Expected(measure, says, most=limit, severity=severity, **shown)


def at_least(measure: str, limit: float, says: str, severity: str = CRITICAL, **shown: str) -> Expected:
    """Expect `measure` not to fall below `limit`."""
    return Expected(measure, says, least=limit, severity=severity, **shown)


def no_rows(measure: str, says: str, of: str = "rows") -> Expected:
    """Expect `measure`, a count of rows that break a rule, to be 0; `of` counts all rows that were looked at."""
    return at_most(measure, 0, says, rows=measure, of=of)


def structure(table: Table, keys: bool = True, of: str = "rows") -> list[Expected]:
    """Expect what `tables` promises of a table: no null in its required columns, no second row for a key (unless the
    suite has its own way to know that: `keys` False)."""
    nulls = [no_rows(f"null_{name}", f"{name} is never null", of) for name in table.required]
    unique = [no_rows("repeated_keys", f"one row for each {', '.join(table.key)}", of)] if table.key and keys else []
    return nulls + unique


def rules(broken: Mapping[str, Rule], of: str = "rows") -> list[Expected]:
    """Expect that no row breaks any of the rules; each is critical."""
    return [no_rows(name, rule.says, of) for name, rule in broken.items()]
