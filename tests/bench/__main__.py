"""`make bench ROWS=…`: this pipeline, a DuckDB script and psql's COPY on one generated file, round by round.

Prints medians and ratios with machine, versions and input, and keeps them in data/bench: bench.json and bench.svg.
Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from spark_jobs.command_line import guarded
from spark_jobs.errors import PipelineError
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import ROOT
from tests.bench import first_drafts
from tests.bench.by_duckdb import STEPS
from tests.bench.chart import draw
from tests.bench.memory import peak_of
from tests.bench.process import answer
from tests.process import command, environment

START, DAYS = datetime(2019, 10, 1), 30
LOAD = "load_to_database"
COUNTS = {  # a table and where our summary counts its rows
    "user_events": ("validate_data_quality", "user_events"),
    "rejected_events": ("validate_data_quality", "rejected_events"),
    "deduped_events": ("remove_duplicates", "deduped_events"),
    "cleaned_events": ("handle_missing_values", "cleaned_events"),
    "user_item_matrix": ("create_user_item_matrix", "cells"),
    "user_features": ("feature_engineering", "users"),
    "item_features": ("feature_engineering", "items"),
}
Round = dict[str, Any]


def main() -> int:
    """Generates the file, runs the rounds, prints and keeps the result."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive", action="store_true", help="once, beside naive PySpark and pandas")
    arguments = parser.parse_args()
    out = ROOT / "data" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    folder = _folder(out)
    try:
        path = generate(Span(arguments.rows, DAYS * 24, START), folder / "raw")[0]
        facts = _facts(path, arguments)
        console.print(" · ".join(f"{name} {value}" for name, value in facts.items()))
        rounds = []
        for number in range(arguments.rounds):
            console.print(f"round {number + 1} of {arguments.rounds} …")
            rounds.append(_round(folder, path))
        result = {"facts": facts, "rounds": rounds, "medians": _medians(rounds)}
        if arguments.naive:
            (folder / "naive").mkdir()
            drafts = first_drafts.by_spark(folder / "naive", path), first_drafts.by_pandas(folder)
            result["first drafts"] = first_drafts.told(
                *drafts, result["medians"]["CSV to all Delta tables"]["pipeline"]
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (out / "bench.json").write_text(json.dumps(result, indent=1))
    console.print(_table(result["medians"]))
    for line in result.get("first drafts", []):
        console.print(line)
    draw(result, out / "bench.svg")
    console.print(f"kept: {out / 'bench.json'}, {out / 'bench.svg'}")
    return 0


def _folder(parent: Path) -> Path:
    """A folder for a while, which PostgreSQL's user can reach."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    folder.chmod(0o755)
    return folder


def _round(scratch: Path, path: Path) -> Round:
    """Each way once, in a new folder; raises PipelineError where they do not make the same number of rows."""
    folder = _folder(scratch)
    (folder / "raw").symlink_to(path.parent)
    (folder / "duckdb").mkdir()
    pipeline = _ours(folder)
    duck = answer("by_duckdb", path, folder / "duckdb", os.cpu_count())
    for table, (step, count) in COUNTS.items():
        ours, theirs = pipeline["steps"][step][count], duck["rows"][table]
        if ours != theirs:
            raise PipelineError(f"{table}: {ours:,} rows here, {theirs:,} there.")
    copied = answer("by_psql", folder / "psql", folder / "duckdb" / "user_events.csv")
    shutil.rmtree(folder)
    return {"pipeline": pipeline, "duckdb": duck, "psql": copied}


def _ours(folder: Path) -> Round:
    """`make run`, with its seconds, its memory and the bytes of its tables."""
    own = {"PIPELINE_SUMMARY": str(folder / "summary.json")}
    begun = time.monotonic()
    with (folder / "out.txt").open("wb") as log:
        variables = environment(folder, cores=None) | own
        process = subprocess.Popen(command(folder), env=variables, stdout=log, stderr=log, cwd=ROOT)
        peak = peak_of(process)
    seconds = time.monotonic() - begun
    if process.returncode:
        raise PipelineError(f"the pipeline ended with {process.returncode}: {(folder / 'out.txt').read_text()[-300:]}")
    disk = sum(file.stat().st_size for file in (folder / "warehouse").rglob("*") if file.is_file())
    return json.loads((folder / "summary.json").read_text()) | {"all": seconds, "peak_bytes": peak, "disk_bytes": disk}


def _medians(rounds: list[Round]) -> dict[str, Any]:
    """Medians of seconds by step, and the ratios."""

    def of(pick) -> float:
        return statistics.median(pick(found) for found in rounds)

    steps = {
        step: {
            "pipeline": of(lambda r, step=step: r["pipeline"]["seconds"][step]),
            "duckdb": of(lambda r, step=step: r["duckdb"]["seconds"][step]),
        }
        for step in STEPS
    }
    load = {"pipeline": of(lambda r: r["pipeline"]["seconds"][LOAD]), "psql": of(lambda r: r["psql"]["seconds"])}
    whole = {
        "pipeline": of(lambda r: r["pipeline"]["all"] - r["pipeline"]["seconds"][LOAD]),
        "duckdb": of(lambda r: sum(r["duckdb"]["seconds"].values())),
    }
    return {
        "steps": steps,
        "CSV to all Delta tables": whole,
        LOAD: load,
        "peak_gb": of(lambda r: r["pipeline"]["peak_bytes"]) / 1e9,
        "disk_gb": of(lambda r: r["pipeline"]["disk_bytes"]) / 1e9,
    }


def _facts(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    conf = (ROOT / "conf" / "spark-defaults.conf").read_text().splitlines()
    heap = next(line.split()[1] for line in conf if line.startswith("spark.driver.memory"))
    versions = {name: version(name) for name in ("pyspark", "delta-spark", "great-expectations", "duckdb")}
    return {
        "rows": f"{arguments.rows:,}",
        "input": f"{path.stat().st_size / 1e9:.2f} GB, {DAYS} days",
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "heap": heap,
        "python": platform.python_version(),
    } | versions


def _table(medians: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="seconds, medians", title_justify="left")
    for heading in ("step", "pipeline", "beside it", "ratio"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    whole, load = medians["CSV to all Delta tables"], medians[LOAD]
    lines = {f"{step} (DuckDB)": tuple(pair.values()) for step, pair in medians["steps"].items()}
    lines |= {"CSV to all Delta tables, session included (DuckDB)": tuple(whole.values())}
    lines |= {f"{LOAD} (psql's COPY, indexes in place)": tuple(load.values())}
    for name, (ours, theirs) in lines.items():
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
    table.caption = f"peak memory of all processes {medians['peak_gb']:.1f} GB, tables {medians['disk_gb']:.2f} GB"
    return table


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
