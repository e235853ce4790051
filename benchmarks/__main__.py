"""`make bench ROWS=…`: the pipeline measured side by side with what a user would compare it with, on generated files.

WHAT=rows (default): beside DuckDB and psql's COPY. WHAT=hour, day, skew: an hour's jobs beside an empty session, one
more day beside thirty, an uneven file beside an even one. WHAT=year: what a year of hourly runs leaves in the logs.
WHAT=overhead: what a small run costs whatever is in it, by step.
WHAT=growth: each step at 1, 10 and 42 million rows, as far as ROWS goes, and for one more day on top of the last.
Prints ratios with machine, versions and input, and keeps them in data/bench. Nothing else should run on the machine
meanwhile.
"""

import argparse
import json
import os
import platform
import shutil
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from benchmarks import day, first_drafts, growth, hour, overhead, process, rows, skew, year
from benchmarks.chart import draw
from benchmarks.table import profile
from spark_jobs.command_line import run_guarded
from spark_jobs.runtime import machine
from spark_jobs.sample.generate import MOST_ROWS, Span, generate
from spark_jobs.settings import ROOT
from tests.arguments import within

START, DAYS = datetime(2019, 10, 1), 30
LEAST_ROWS = 1_000  # some for each day
OUT = ROOT / "data" / "bench"
WIDE = 110  # a step and what is told of it on a line


def main() -> int:
    """Generates the file, measures, prints and keeps the result."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--what", choices=tuple(MEASURES), default="rows")
    parser.add_argument("--rows", type=int, default=1_000_000, help="at least a million for growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive", action="store_true", help="once, beside naive PySpark and pandas")
    arguments = parser.parse_args()
    within("ROWS", arguments.rows, growth.SIZES[0] if arguments.what == "growth" else LEAST_ROWS, MOST_ROWS)
    within("ROUNDS", arguments.rounds, 1, 100)
    OUT.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, width=WIDE)
    scratch = process.folder(OUT)
    try:
        result = {"facts": _facts()} | MEASURES[arguments.what](arguments, scratch, console)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    kept = OUT / f"{arguments.what}.json"
    kept.write_text(json.dumps(result, indent=1))
    if arguments.what == "rows":
        draw(result, OUT / "rows.svg")
    console.print(f"kept: {kept}")
    return 0


def _rows(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _file(arguments, scratch, console)
    rounds = [rows.measured(scratch, path) for _ in _counted(arguments, console)]
    medians = rows.medians(rounds)
    console.print(rows.told(medians))
    console.print(profile(rounds[-1]["pipeline"], os.cpu_count() or 1))
    result = {"input": _told(arguments, path), "rounds": rounds, "medians": medians}
    return result | (_drafts(rounds[-1]["pipeline"], path, scratch, console) if arguments.naive else {})


def _drafts(ours: dict[str, Any], path: Path, scratch: Path, console: Console) -> dict[str, Any]:
    (scratch / "naive").mkdir()
    spark, pandas = first_drafts.by_spark(scratch / "naive", path), first_drafts.by_pandas(scratch)
    for line in (*first_drafts.beside_spark(spark, ours), first_drafts.of_pandas(pandas)):
        console.print(line)
    return {"first drafts": {"spark": spark, "pandas": pandas}}


def _hour(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_line(_facts()))
    rounds = [hour.measured(scratch) for _ in _counted(arguments, console)]
    medians = hour.medians(rounds)
    console.print(hour.told(medians))
    return {"rounds": rounds, "medians": medians}


def _day(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _file(arguments, scratch, console)
    found = day.measured(scratch, path, arguments.rows, START, DAYS)
    console.print(day.told(found))
    return {"input": _told(arguments, path), "found": found}


def _skew(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _file(arguments, scratch, console)
    found = skew.measured(scratch, path)
    console.print(skew.told(found))
    return {"input": _told(arguments, path), "found": found}


def _growth(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_line(_facts()))
    sizes = [size for size in growth.SIZES if size <= arguments.rows]
    found = {}
    for size, folder, one in growth.measured(scratch, sizes, lambda size: _generated(size, scratch)):
        found[size] = one
        console.print(f"{size / 1e6:g} million rows: {one['all']:.0f} s")
        if size == sizes[-1]:
            more = day.one_more(folder, size, START, DAYS)
    for table in [*growth.told(found), day.told({"thirty": one, "one more": more})]:
        console.print(table)
    return {"found": found, "one more": more}


def _file(arguments: argparse.Namespace, scratch: Path, console: Console) -> Path:
    path = _generated(arguments.rows, scratch)
    console.print(_line(_told(arguments, path) | _facts()))
    return path


def _generated(rows: int, scratch: Path) -> Path:
    return generate(Span(rows, DAYS * 24, START), scratch / "raw")[0]


def _counted(arguments: argparse.Namespace, console: Console):
    for number in range(1, arguments.rounds + 1):
        console.print(f"round {number} of {arguments.rounds} …")
        yield number


def _told(arguments: argparse.Namespace, path: Path) -> dict[str, Any]:
    return {"rows": f"{arguments.rows:,}", "input": f"{path.stat().st_size / 1e9:.2f} GB, {DAYS} days"}


def _facts() -> dict[str, Any]:
    versions = {name: version(name) for name in ("pyspark", "delta-spark", "great-expectations", "duckdb")}
    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "heap": os.environ.get("SPARK_DRIVER_MEMORY") or f"{machine.heap_mib(machine.memory(), 1)} MiB",
        "python": platform.python_version(),
    } | versions


def _line(facts: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in facts.items())


def _year(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_line(_facts()))
    found = year.measured(scratch)
    console.print(year.told(found))
    return {"found": {name: {day: vars(one) for day, one in days.items()} for name, days in found.items()}}


def _overhead(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_line(_facts()))
    found = overhead.measured(scratch)
    for name, run in found.items():
        console.print(overhead.as_table(name, run))
    return {"found": found}


MEASURES = {
    "rows": _rows,
    "hour": _hour,
    "day": _day,
    "skew": _skew,
    "year": _year,
    "growth": _growth,
    "overhead": _overhead,
}

if __name__ == "__main__":
    sys.exit(run_guarded("bench", main))
