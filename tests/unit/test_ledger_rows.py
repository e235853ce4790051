"""The types of the ledger's rows are those of the columns that the tables declare."""

from datetime import date, datetime
from decimal import Decimal
from typing import get_args, get_type_hints

import pytest

from spark_jobs import ledger_rows
from spark_jobs.tables import ALL, LedgerTable, Table, ledger
from spark_jobs.tables.model import AVERAGE

PLAIN = {"STRING": str, "INT": int, "BIGINT": int, "BOOLEAN": bool, "DATE": date, "TIMESTAMP": datetime}
PLAIN |= {AVERAGE: Decimal}
TABLES = {name: table for name, table in vars(ledger).items() if isinstance(table, Table)}
HOURS = next(field.type for field in ledger.LANDED_FILES.fields if field.name == "hours")


def to_python(declared: str) -> object:
    """Return the Python type of a column, whose type is declared in Spark's DDL."""
    outer, _, inner = declared.removesuffix(">").partition("<")
    if outer == "ARRAY":
        return list[to_python(inner)]
    if outer == "MAP":
        key, _, value = inner.partition(", ")
        return dict[to_python(key), to_python(value)]
    return ledger_rows.FileHour if outer == "STRUCT" else PLAIN[declared]


@pytest.mark.parametrize("name", TABLES)
def test_a_row_has_the_columns_and_the_types_that_its_table_declares(name):
    (row,) = get_args(get_type_hints(ledger)[name])
    expected = {
        field.name: to_python(field.type) | None if field.nullable else to_python(field.type)
        for field in TABLES[name].fields
    }
    assert get_type_hints(row) == expected
    assert list(get_type_hints(row)) == TABLES[name].columns


def test_an_entry_of_hours_has_the_declared_fields():
    fields = HOURS.removeprefix("ARRAY<STRUCT<").removesuffix(">>").split(", ")
    declared = {name: to_python(kind) for name, _, kind in (field.partition(": ") for field in fields)}
    undated = {"hour": declared["hour"] | None}
    assert get_type_hints(ledger_rows.FileHour) == declared | undated


def test_the_rows_of_all_ledger_tables_have_types():
    assert {table.name for table in ALL if isinstance(table, LedgerTable)} == {table.name for table in TABLES.values()}


def test_a_row_is_completed_with_null_in_the_columns_that_it_omits():
    row = ledger.LEASES.complete({"part": "matrix", "epoch": 3})
    assert row == dict.fromkeys(ledger.LEASES.columns) | {"part": "matrix", "epoch": 3}
