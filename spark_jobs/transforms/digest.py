"""Order-independent digests: the sum of a 64-bit hash over rows. Any order and any partitioning give the same."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables.source_columns import ADDED, ORIGINAL


def digest_sums(
    columns: Sequence[str | Column], where: Column | None = None, prefix: str = "", added: Sequence[str] = ()
) -> list[Column]:
    """Return the aggregates `low` and `high` (after `prefix`): sums of the halves of each row's xxHash64 (`xxhash64`).

    Two sums of 32-bit halves cannot overflow below 2^31 rows. A repeated row counts twice, unlike with XOR. Spark's
    hash skips nulls, so the set of null columns is hashed too. Of the `added` columns, it is the set of those that are
    not null: a row without any of them has the hash that it had before they were added.
    """
    marked = [(F.col(column) if isinstance(column, str) else column).isNull() for column in columns]
    marked += [F.col(name).isNotNull() for name in added]
    marks = F.lit(0)
    for position, condition in enumerate(marked):
        marks = marks + F.when(condition, F.lit(2**position)).otherwise(F.lit(0))
    row = F.xxhash64(marks, *columns, *added)
    halves = {"low": row.bitwiseAND(F.lit(0xFFFFFFFF)), "high": F.shiftrightunsigned(row, 32)}
    selected = {name: half if where is None else F.when(where, half) for name, half in halves.items()}
    return [F.coalesce(F.sum(half), F.lit(0)).alias(prefix + name) for name, half in selected.items()]


def digest_events(*further: str, where: Column | None = None) -> list[Column]:
    """Return the aggregates of `digest_sums` over the columns of the source and the `further` ones."""
    columns = [*(column.name for column in ORIGINAL), *further]
    return digest_sums(columns, where=where, added=[column.name for column in ADDED])


def digest_hours(events: DataFrame) -> DataFrame:
    """Return for each `hour`: `rows` and `digest`, the sum of 32 bits of each row's MD5.

    PostgreSQL computes the same from its own rows (`postgres/schema.py`, HOURS), so that both can be compared.
    """
    added = [column.name for column in ADDED if column.served]
    values: list[str | Column] = [
        *("user_id", "item_id", "event_type", F.unix_micros("timestamp")),
        *(F.coalesce(F.col(name).cast("string"), F.lit("")) for name in ("rating", "price", "session_id")),
        *(F.concat(F.lit(f"{name}="), F.col(name).cast("string")) for name in added),  # concat_ws skips a null
    ]
    hour = F.date_trunc("hour", "timestamp").alias("hour")
    return events.groupBy(hour).agg(F.count("*").alias("rows"), F.sum(_digest_text(values)).alias("digest"))


def digest_item() -> Column:
    """Return 32 bits of the MD5 of `item_id`, `category`, `brand` and `price`, as PostgreSQL does (ITEMS_OF_DAY)."""
    marked = (F.concat(F.lit("="), F.col(name).cast("string")) for name in ("category", "brand", "price"))
    return _digest_text(["item_id", *(F.coalesce(value, F.lit("")) for value in marked)])


def _digest_text(values: Sequence[str | Column]) -> Column:
    return F.conv(F.substring(F.md5(F.concat_ws("|", *values)), 1, 8), 16, 10).cast("bigint")


def format_digest(rows: int, low: int, high: int) -> str:
    """Return a digest as the ledger stores it; '0:0:0' means no rows."""
    return f"{rows}:{low}:{high}"
