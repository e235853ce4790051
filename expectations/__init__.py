"""One Great Expectations suite for each table. Only `spark_jobs.quality` runs them.

A suite judges *measures*: one row for each unit (hour, day or snapshot) with counts of the rows that break each rule,
taken in one pass over the events. RULES holds each rule as the SQL condition of a *broken* row. `critical` keeps the
unit out, `warning` is reported. A measure that is null for a unit is not judged there.
"""

from great_expectations.expectations import ExpectColumnValuesToBeBetween

from spark_jobs.tables import Table

CRITICAL, WARNING = "critical", "warning"


def at_most(measure: str, limit: float, says: str, severity: str = CRITICAL, rows: str | None = None):
    """Expects `measure` not to exceed `limit`; `says` is the rule in words, `rows` the measure that counts its rows."""
    meta = {"says": says, "rows": rows or measure}
    return ExpectColumnValuesToBeBetween(column=measure, max_value=limit, severity=severity, meta=meta, notes=says)


def at_least(measure: str, limit: float, says: str, severity: str = CRITICAL, rows: str | None = None):
    """Expects `measure` not to fall below `limit`."""
    meta = {"says": says, "rows": rows or measure}
    return ExpectColumnValuesToBeBetween(column=measure, min_value=limit, severity=severity, meta=meta, notes=says)


def structure(table: Table) -> list:
    """What `tables.py` promises of a table: no null in its required columns, no second row for a key."""
    nulls = [at_most(f"null_{name}", 0, f"{name} is never null") for name in table.required]
    unique = [at_most("repeated_keys", 0, f"one row for each {', '.join(table.key)}")] if table.key else []
    return nulls + unique


def rules(broken: dict[str, str], says: dict[str, str]) -> list:
    """One critical expectation for each rule: no row breaks it."""
    return [at_most(name, 0, says[name]) for name in broken]
