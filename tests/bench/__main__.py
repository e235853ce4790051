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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from rich import box
from rich.console import Console
from rich.table import Table

from spark_jobs import psql
from spark_jobs.command_line import guarded
from spark_jobs.errors import PipelineError
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import ROOT
from spark_jobs.warehouse import embedded
from spark_jobs.warehouse_schema import EVENTS, INDEXES, SCHEMA
from tests.bench import first_drafts
from tests.bench.by_duckdb import STEPS
from tests.bench.chart import draw
from tests.bench.memory import peak_of

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
    with _scratch(out) as folder:
        raw = folder / "raw"
        path = generate(Span(arguments.rows, DAYS * 24, START), raw)[0]
        facts = _facts(path, arguments)
        console.print(" · ".join(f"{name} {value}" for name, value in facts.items()))
        rounds = []
        for number in range(arguments.rounds):
            console.print(f"round {number + 1} of {arguments.rounds} …")
            rounds.append(_round(folder, raw, path))
        result = {"facts": facts, "rounds": rounds, "medians": _medians(rounds)}
        if arguments.naive:
            (folder / "naive").mkdir()
            drafts = first_drafts.by_spark(folder / "naive", path), first_drafts.by_pandas(folder)
            result["first drafts"] = first_drafts.told(
                *drafts, result["medians"]["CSV to all Delta tables"]["pipeline"]
            )
    (out / "bench.json").write_text(json.dumps(result, indent=1))
    console.print(_table(result["medians"]))
    for line in result.get("first drafts", []):
        console.print(line)
    draw(result, out / "bench.svg")
    console.print(f"kept: {out / 'bench.json'}, {out / 'bench.svg'}")
    return 0


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=out))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _round(folder: Path, raw: Path, path: Path) -> Round:
    """Each way once, in new folders; raises PipelineError where they do not make the same number of rows."""
    ours, theirs = folder / "ours", folder / "duckdb"
    for place in (ours, theirs):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    pipeline, duck = _ours(ours, raw), _duckdb(theirs, path)
    for table, (step, count) in COUNTS.items():
        if pipeline["steps"][step][count] != duck["rows"][table]:
            raise PipelineError(
                f"{table}: {pipeline['steps'][step][count]:,} rows here, {duck['rows'][table]:,} there."
            )
    pipeline["disk_bytes"] = sum(file.stat().st_size for file in (ours / "warehouse").rglob("*") if file.is_file())
    return {"pipeline": pipeline, "duckdb": duck, "psql": {"seconds": _psql(ours, theirs / "user_events.csv")}}


def _ours(folder: Path, raw: Path) -> Round:
    names = ("warehouse", "database", "quality", "processed", "logs")
    places = [part for name in names for part in ("--set", f"paths.{name}='{folder / name}'")]
    own = {"PIPELINE_SUMMARY": str(folder / "summary.json"), "PIPELINE_LOGS": str(folder / "logs")}
    command = [sys.executable, "-m", "spark_jobs.pipeline", "--input", str(raw), *places]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | own
    begun = time.monotonic()
    with (folder / "out.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
        peak = peak_of(process)
    if process.returncode:
        raise PipelineError(f"the pipeline ended with {process.returncode}: {(folder / 'out.txt').read_text()[-300:]}")
    summary = json.loads((folder / "summary.json").read_text())
    return {key: summary[key] for key in ("seconds", "steps")} | {"all": time.monotonic() - begun, "peak_bytes": peak}


def _duckdb(folder: Path, path: Path) -> Round:
    command = [sys.executable, "-m", "tests.bench.by_duckdb", str(path), str(folder), str(os.cpu_count())]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise PipelineError(f"the DuckDB script failed: {done.stderr[-300:]}")
    return json.loads(done.stdout) | {"all": time.monotonic() - begun}


def _psql(folder: Path, rows: Path) -> float:
    """Seconds of psql's own COPY of the same events into the same table, its indexes in place, in the same server."""
    url = embedded(folder / "database")
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE bench")
    beside = url.replace("/postgres?", "/bench?")
    with closing(psycopg2.connect(beside)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA + INDEXES)
    begun = time.monotonic()
    copy = f"\\copy user_events ({', '.join(EVENTS)}) FROM '{rows}' (FORMAT csv)"
    if psql.run(beside, "--quiet", "--command", copy):
        raise PipelineError("psql's COPY failed.")
    return time.monotonic() - begun


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
