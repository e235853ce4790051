"""One Great Expectations suite for each table. Only `spark_jobs.validation.great_expectations` runs them.

A suite validates *measures*: one row for each window (hour, day or snapshot) with counts of the rows that break each
rule, computed in one pass over the events. A `critical` failure keeps the window out of the table, a `warning` is
reported; these are Great Expectations' own severities. A measure that is null for a window is not validated there.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from spark_jobs.tables import Table
from spark_jobs.transforms.measures import Rule as Rule

CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True)
class Expectation:
    """A measure and its bounds.

    `rows` names the measure that counts the rows behind a failure, `of` the one that counts all rows they are part of.
    The message of a failure shows both; without them it shows no numbers.
    """

    measure: str
    says: str
    least: float | None = None
    most: float | None = None
    severity: str = CRITICAL
    rows: str | None = None
    of: str | None = None

    def holds(self, value: float) -> bool:
        """Return whether the measure is within its bounds; a null is not validated and passes."""
        low, high = self.least is not None and value < self.least, self.most is not None and value > self.most
        return not (low or high)


@dataclass(frozen=True)
class Suite:
    """The expectations about one table's measures. Plain values: only a validation imports the library.

    `rules`: the rules about single rows, by the name of the measure that counts the rows that break them.
    """

    name: str
    expected: list[Expectation]
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def find_broken(self, measures: Mapping[Hashable, float]) -> list[str]:
        """Return the critical measures that are outside their bounds. A null is not validated and passes.

        A missing measure is returned too, because Great Expectations will raise for it. The verdict itself is Great
        Expectations'; this gives the same answer where one is needed earlier.
        """
        critical = [one for one in self.expected if one.severity == CRITICAL]
        return [one.measure for one in critical if one.measure not in measures or not one.holds(measures[one.measure])]

    def build(self) -> Any:
        """Return the suite as a `great_expectations.ExpectationSuite`."""
        import great_expectations as gx
        from great_expectations.expectations import ExpectColumnValuesToBeBetween
        from great_expectations.expectations.metadata_types import FailureSeverity

        expectations = [
            ExpectColumnValuesToBeBetween(
                column=one.measure,
                min_value=one.least,
                max_value=one.most,
                severity=FailureSeverity(one.severity),
                meta={"says": one.says, "rows": one.rows, "of": one.of},
                notes=one.says,
            )
            for one in self.expected
        ]
        return gx.ExpectationSuite(name=self.name, expectations=expectations)


class _CountNames(TypedDict, total=False):
    rows: str
    of: str


def at_most(
    measure: str, limit: float, says: str, severity: str = CRITICAL, **shown: Unpack[_CountNames]
) -> Expectation:
    """Expect `measure` not to exceed `limit`. `says`: the rule in words; `shown`: `rows`, `of` of `Expectation`."""
    return Expectation(measure, says, most=limit, severity=severity, **shown)


def at_least(
    measure: str, limit: float, says: str, severity: str = CRITICAL, **shown: Unpack[_CountNames]
) -> Expectation:
    """Expect `measure` not to fall below `limit`."""
    return Expectation(measure, says, least=limit, severity=severity, **shown)


def no_rows(measure: str, says: str, of: str = "rows") -> Expectation:
    """Expect `measure`, a count of rows that break a rule, to be 0; `of` names the count of all checked rows."""
    return at_most(measure, 0, says, rows=measure, of=of)


def one_of(column: str, words: Iterable[str]) -> Rule:
    """Return the rule that the column has one of the words of a closed list."""
    *others, last = words
    quoted = ", ".join(f"'{word}'" for word in (*others, last))
    return Rule(f"{column} is {', '.join(others)} or {last}", broken=f"{column} NOT IN ({quoted})")


def structure(table: Table, keys: bool = True, of: str = "rows") -> list[Expectation]:
    """Expect what `tables` declares for a table: no null in its required columns, no repeated key.

    `keys` False: the suite checks the keys in its own way.
    """
    nulls = [no_rows(f"null_{name}", f"{name} is never null", of) for name in table.required]
    unique = [no_rows("repeated_keys", f"one row for each {', '.join(table.key)}", of)] if table.key and keys else []
    return nulls + unique


def expect_rules(broken: Mapping[str, Rule], of: str = "rows") -> list[Expectation]:
    """Expect that no row breaks any of the rules; each is critical."""
    return [no_rows(name, rule.says, of) for name, rule in broken.items()]


def counts_add_up(table: Table, types: Sequence[str]) -> Rule:
    """Return the rule about a table's counts by event type and `total_events`.

    The table has no count of a type that the settings add, so its events are in the total only.
    """
    counted = [name for name in types if f"{name}_count" in table.columns]
    total = " + ".join(f"{name}_count" for name in counted)
    if len(counted) == len(types):
        return Rule("the counts by type add up to total_events", broken=f"{total} <> total_events")
    return Rule("the counts by type add up to at most total_events", broken=f"{total} > total_events")
