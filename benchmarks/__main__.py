"""`make bench ROWS=…`: compare the pipeline with the alternatives that a user would consider, on generated files.

WHAT=rows (default): with DuckDB and psql's COPY. WHAT=hour: an hour's jobs with an empty session. WHAT=day: one more
day with the thirty days before it. WHAT=skew: an uneven file with an even one. WHAT=overhead: the fixed costs of a
small run, by step. WHAT=growth: each step at 1, 10 and 42 million rows, up to ROWS, and for one more day after the
largest size.
Prints ratios together with machine, versions and input, and writes them to data/bench. Nothing else should run on the
machine at the same time.
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

from benchmarks import day, first_drafts, growth, hour, overhead, process, rows, skew
from benchmarks.chart import draw
from benchmarks.table import build_profile
from spark_jobs.command_line import run_guarded
from spark_jobs.runtime import machine
from spark_jobs.sample.generate import MOST_ROWS, Span, generate
from tests.arguments import require_in_range
from tests.project import ROOT

START, DAYS = datetime(2019, 10, 1), 30
LEAST_ROWS = 1_000  # enough for each day to have some
OUT = ROOT / "data" / "bench"
WIDE = 110  # fits a step and its figures on one line


def main() -> int:
    """Generate the file, measure, print the result and write it to a file."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--what", choices=tuple(MEASURES), default="rows")
    parser.add_argument("--rows", type=int, default=1_000_000, help="at least a million for growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive", action="store_true", help="once, beside naive PySpark and pandas")
    arguments = parser.parse_args()
    require_in_range("ROWS", arguments.rows, growth.SIZES[0] if arguments.what == "growth" else LEAST_ROWS, MOST_ROWS)
    require_in_range("ROUNDS", arguments.rounds, 1, 100)
    OUT.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, width=WIDE)
    scratch = process.create_folder(OUT)
    try:
        result = {"facts": _collect_facts()} | MEASURES[arguments.what](arguments, scratch, console)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    result_file = OUT / f"{arguments.what}.json"
    result_file.write_text(json.dumps(result, indent=1))
    if arguments.what == "rows":
        draw(result, OUT / "rows.svg")
    console.print(f"kept: {result_file}")
    return 0


def _measure_rows(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _prepare_input(arguments, scratch, console)
    rounds = [rows.measure(scratch, path) for _ in _count_rounds(arguments, console)]
    medians = rows.compute_medians(rounds)
    console.print(rows.build_table(medians))
    console.print(build_profile(rounds[-1]["pipeline"], os.cpu_count() or 1))
    result = {"input": _describe_input(arguments, path), "rounds": rounds, "medians": medians}
    return result | (_measure_first_drafts(rounds[-1]["pipeline"], path, scratch, console) if arguments.naive else {})


def _measure_first_drafts(ours: dict[str, Any], path: Path, scratch: Path, console: Console) -> dict[str, Any]:
    (scratch / "naive").mkdir()
    spark, pandas = first_drafts.run_spark(scratch / "naive", path), first_drafts.run_pandas(scratch)
    for line in (*first_drafts.compare_with_spark(spark, ours), first_drafts.describe_pandas(pandas)):
        console.print(line)
    return {"first drafts": {"spark": spark, "pandas": pandas}}


def _measure_hour(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_format_line(_collect_facts()))
    rounds = [hour.measure(scratch) for _ in _count_rounds(arguments, console)]
    medians = hour.compute_medians(rounds)
    console.print(hour.build_table(medians))
    return {"rounds": rounds, "medians": medians}


def _measure_day(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _prepare_input(arguments, scratch, console)
    found = day.measure(scratch, path, arguments.rows, START, DAYS)
    console.print(day.build_table(found))
    return {"input": _describe_input(arguments, path), "found": found}


def _measure_skew(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    path = _prepare_input(arguments, scratch, console)
    found = skew.measure(scratch, path)
    console.print(skew.build_table(found))
    return {"input": _describe_input(arguments, path), "found": found}


def _measure_growth(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_format_line(_collect_facts()))
    sizes = [size for size in growth.SIZES if size <= arguments.rows]
    found = {}
    for size, folder, summary in growth.measure(scratch, sizes, lambda size: _generate_file(size, scratch)):
        found[size] = summary
        console.print(f"{size / 1e6:g} million rows: {summary['all']:.0f} s")
        if size == sizes[-1]:
            next_day = day.run_next_day(folder, size, START, DAYS)
    for table in [*growth.build_tables(found), day.build_table({"thirty": summary, "one more": next_day})]:
        console.print(table)
    return {"found": found, "one more": next_day}


def _prepare_input(arguments: argparse.Namespace, scratch: Path, console: Console) -> Path:
    path = _generate_file(arguments.rows, scratch)
    console.print(_format_line(_describe_input(arguments, path) | _collect_facts()))
    return path


def _generate_file(rows: int, scratch: Path) -> Path:
    return generate(Span(rows, DAYS * 24, START), scratch / "raw")[0]


def _count_rounds(arguments: argparse.Namespace, console: Console):
    for number in range(1, arguments.rounds + 1):
        console.print(f"round {number} of {arguments.rounds} …")
        yield number


def _describe_input(arguments: argparse.Namespace, path: Path) -> dict[str, Any]:
    return {"rows": f"{arguments.rows:,}", "input": f"{path.stat().st_size / 1e9:.2f} GB, {DAYS} days"}


def _collect_facts() -> dict[str, Any]:
    versions = {name: version(name) for name in ("pyspark", "delta-spark", "great-expectations", "duckdb")}
    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "heap": os.environ.get("SPARK_DRIVER_MEMORY") or f"{machine.heap_mib(machine.memory(), 1)} MiB",
        "python": platform.python_version(),
    } | versions


def _format_line(facts: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in facts.items())


def _measure_overhead(arguments: argparse.Namespace, scratch: Path, console: Console) -> dict[str, Any]:
    console.print(_format_line(_collect_facts()))
    found = overhead.measure(scratch)
    for name, run in found.items():
        console.print(overhead.build_table(name, run))
    return {"found": found}


MEASURES = {
    "rows": _measure_rows,
    "hour": _measure_hour,
    "day": _measure_day,
    "skew": _measure_skew,
    "growth": _measure_growth,
    "overhead": _measure_overhead,
}

if __name__ == "__main__":
    sys.exit(run_guarded("bench", main))
