"""The types that declare a table and a column: plain values. Only the methods that build expressions need pyspark."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, cast

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

from spark_jobs.ledger_rows import Row, RowT

PRICE = "DECIMAL(10,2)"
MONEY = "DECIMAL(18,2)"
AVERAGE = "DECIMAL(12,4)"


@dataclass(frozen=True)
class Field:
    """One column: `type` in Spark's DDL; `comment` states meaning, unit and when it is null.

    `length`: the maximum number of code points in the corresponding column of PostgreSQL.
    """

    name: str
    type: str
    comment: str
    nullable: bool = True
    length: int | None = None


@dataclass(frozen=True)
class SourceColumn(Field):
    """A column of the source's files. Its type decides how its text is parsed (`transforms/parse.py`).

    `optional`: a file may be without it. `kaggle`: its name in Kaggle's files, where that is another one. `served`:
    PostgreSQL's `user_events` has it. `trimmed`: a word of a closed list, without the blanks around it. `bounds`: the
    lowest and the highest valid number; any other is `<name>_out_of_range`.
    """

    optional: bool = True
    kaggle: str | None = None
    served: bool = False
    trimmed: bool = False
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True)
class Table:
    """One Delta table.

    `key`: unique in the table. `statistics`: columns whose range in each file is kept in the log, for reads that filter
    on them. Never the user: a log outlives the rows that a user asked to remove.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    partition: str | None = None
    statistics: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Return the column names in their declared order."""
        return [field.name for field in self.fields]

    @property
    def required(self) -> list[str]:
        """Return the names of the columns that are never null."""
        return [field.name for field in self.fields if not field.nullable]

    def key_columns(self) -> "list[Column]":
        """Return the key as expressions; `event_minute` is derived from the timestamp."""
        from pyspark.sql import functions as F

        return [F.date_trunc("minute", "timestamp") if name == "event_minute" else F.col(name) for name in self.key]

    def named_key(self) -> "list[Column]":
        """Return the key's expressions under the key's names, to group by."""
        return [column.alias(name) for name, column in zip(self.key, self.key_columns(), strict=True)]

    def conform(self, frame: "DataFrame") -> "DataFrame":
        """Return exactly this table's columns, in order and type. Raises AnalysisException where one is missing."""
        from pyspark.sql import functions as F

        return frame.select([F.col(field.name).cast(field.type).alias(field.name) for field in self.fields])


@dataclass(frozen=True)
class LedgerTable(Table, Generic[RowT]):
    """A table of the ledger. It is small: the driver reads and writes its rows, which have the type `RowT`."""

    def complete(self, row: Row) -> RowT:
        """Return the row with all columns of this table. A column that it omits is null, as in an older warehouse."""
        return cast(RowT, {name: row.get(name) for name in self.columns})


def required(field: Field) -> Field:
    """Return the same column, never null."""
    return replace(field, nullable=False)
