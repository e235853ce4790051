"""What a suite judges: counts of the rows that break each rule, one row for each unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import Table


@dataclass(frozen=True)
class Rule:
    """A rule about rows in words, and the SQL condition of a row that breaks it."""

    says: str
    broken: str


def broken_rows(table: Table, rules: Mapping[str, Rule], where: Column | None = None) -> list[Column]:
    """Aggregates: rows with a null in each required column of `table` (`null_<name>`), rows that break each rule."""
    conditions = {f"null_{name}": F.col(name).isNull() for name in table.required}
    conditions |= {name: F.expr(rule.broken) for name, rule in rules.items()}
    return [
        F.count_if(condition if where is None else where & condition).alias(name)
        for name, condition in conditions.items()
    ]


def measures(
    frame: DataFrame,
    table: Table,
    rules: Mapping[str, Rule],
    unit: Sequence[str] = (),
    further: Sequence[Column] = (),
    may_repeat: str = "false",
) -> DataFrame:
    """For each unit: `rows`, the broken rows, `further` aggregates, and the rows whose key another row has too.

    `may_repeat` (SQL over the key) names keys of which several rows are meant. Shuffles the keys once.
    """
    counted = frame.groupBy(*unit).agg(F.count("*").alias("rows"), *broken_rows(table, rules), *further)
    by_key = frame.groupBy(*(name for name in unit if name not in table.key), *table.named_key()).count()
    surplus = F.when(F.expr(may_repeat), F.lit(0)).otherwise(F.col("count") - 1)
    repeated = by_key.groupBy(*unit).agg(F.coalesce(F.sum(surplus), F.lit(0)).alias("repeated_keys"))
    return counted.join(repeated, list(unit), "left") if unit else counted.join(repeated, how="cross")  # one row each
