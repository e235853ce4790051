"""The answer of a query: a table for people, CSV or JSON for programs. Each has the names of the columns."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich.console
from rich import box
from rich.table import Table

NULL = "NULL"  # in a table; CSV has an empty field, JSON null
WIDTH = 240  # of a table that is written to a file


def print_answer(columns: Sequence[str], rows: Iterable[Sequence[Any]], layout: str) -> None:
    """Print the rows on stdout. `layout`: table, csv (with a header), or json (one object on each line)."""
    if layout == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    elif layout == "json":
        for row in rows:
            sys.stdout.write(json.dumps(dict(zip(columns, row, strict=True)), default=str, ensure_ascii=False) + "\n")
    else:
        _print_table(columns, rows)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(NULL if value is None else str(value) for value in row))
    out = rich.console.Console(highlight=False, markup=False)
    if not out.is_terminal:
        out.width = WIDTH
    out.print(table)
    out.print(f"{table.row_count:,} row{'' if table.row_count == 1 else 's'}")
