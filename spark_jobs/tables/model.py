"""What a table and a column are. Imports pyspark only."""

from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

PRICE = "DECIMAL(10,2)"
MONEY = "DECIMAL(18,2)"
AVERAGE = "DECIMAL(12,4)"


@dataclass(frozen=True)
class Field:
    """One column: `type` in Spark's DDL; `comment` states meaning, unit and when it is null.

    `length` is the most code points that PostgreSQL's column of the same meaning holds.
    """

    name: str
    type: str
    comment: str
    nullable: bool = True
    length: int | None = None


@dataclass(frozen=True)
class Table:
    """One Delta table. `key` is unique over the table; `statistics` are the columns whose range in each file the log
    keeps, for reads that filter on them. Never the user: a log outlives the rows that a user asked to remove.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    partition: str | None = None
    statistics: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Column names in their declared order."""
        return [field.name for field in self.fields]

    @property
    def required(self) -> list[str]:
        """Columns that are never null."""
        return [field.name for field in self.fields if not field.nullable]

    def key_columns(self) -> list[Column]:
        """The key as expressions; `event_minute` is derived from the timestamp."""
        return [F.date_trunc("minute", "timestamp") if name == "event_minute" else F.col(name) for name in self.key]

    def named_key(self) -> list[Column]:
        """The key's expressions under its names, for grouping by it."""
        return [column.alias(name) for name, column in zip(self.key, self.key_columns(), strict=True)]

    def conform(self, frame: DataFrame) -> DataFrame:
        """`frame` with exactly this table's columns, order and types; a missing column raises AnalysisException."""
        return frame.select([F.col(field.name).cast(field.type).alias(field.name) for field in self.fields])


def required(field: Field) -> Field:
    """The same column, never null."""
    return replace(field, nullable=False)
