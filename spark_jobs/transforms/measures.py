"""The measures that a suite validates: counts of rows that break each rule, one row for each hour, day or snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables import Table
from spark_jobs.transforms.digest import digest_sums, format_digest


@dataclass(frozen=True)
class Rule:
    """A rule about rows in words, and the SQL condition of a row that breaks it."""

    says: str
    broken: str


def broken_rows(table: Table, rules: Mapping[str, Rule], where: Column | None = None) -> list[Column]:
    """Return aggregates that count the rows that break each rule, and the rows with a null in each required column.

    The latter are named `null_<name>`.
    """
    conditions = {f"null_{name}": F.col(name).isNull() for name in table.required}
    conditions |= {name: F.expr(rule.broken) for name, rule in rules.items()}
    return [
        F.count_if(condition if where is None else where & condition).alias(name)
        for name, condition in conditions.items()
    ]


def key_sums(table: Table) -> list[Column]:
    """Return the aggregates `keys_low` and `keys_high`: an order-independent digest, equal where the keys are equal."""
    return digest_sums(table.key_columns(), prefix="keys_")


def format_key_digests(found: pd.DataFrame) -> dict[str, str]:
    """Return the digests of `key_sums` by day, as the ledger stores them."""
    parts = zip(found["event_date"], found["rows"], found["keys_low"], found["keys_high"], strict=True)
    return {str(day): format_digest(*map(int, numbers)) for day, *numbers in parts}


def measures(
    frame: DataFrame,
    table: Table,
    rules: Mapping[str, Rule],
    by: Sequence[str] = (),
    further: Sequence[Column] = (),
    keys: bool = True,
) -> DataFrame:
    """Return for each group (`by`): `rows`, the broken rows, the `further` aggregates, and `repeated_keys`.

    Counting the keys (`keys`) shuffles them once, unless the frame is already shuffled by some of them.
    """
    counted = frame.groupBy(*by).agg(F.count("*").alias("rows"), *broken_rows(table, rules), *further)
    if not keys:
        return counted
    repeated = repeated_keys(frame, table, by)
    return counted.join(repeated, list(by), "left") if by else counted.join(repeated, how="cross")  # one row each


def repeated_keys(frame: DataFrame, table: Table, by: Sequence[str] = ()) -> DataFrame:
    """Count `repeated_keys` for each group (`by`): the rows of each key except one.

    Three rows with the keys 1, 1 and 2 have 1.
    """
    by_key = frame.groupBy(*(name for name in by if name not in table.key), *table.named_key()).count()
    return by_key.groupBy(*by).agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("repeated_keys"))
