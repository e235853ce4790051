"""The cost of a first draft: a careless PySpark script, run once, and pandas, on growing files until it fails."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.process import run_module
from benchmarks.table import build_ratio_table
from spark_jobs.sample.generate import Span, generate

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def run_spark(folder: Path, path: Path) -> dict[str, Any]:
    """Run the script; return seconds by step, and seconds (`all`) and core-seconds (`processors`) of the whole run."""
    start = time.monotonic()
    found = run_module("by_spark", path, folder)
    return found | {"all": time.monotonic() - start}


def run_pandas(folder: Path) -> list[dict[str, Any]]:
    """Run pandas on growing files of thirty days until the dense pivot fails; return the measurements of each file."""
    found = []
    for rows in SIZES:
        path = generate(Span(rows, 30 * 24, datetime(2019, 10, 1)), folder / f"{rows}.csv")[0]
        found.append({"rows": rows} | run_module("by_pandas", path))
        if found[-1]["died"]:
            break
    return found


def compare_with_spark(spark: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Table]:
    """Build tables that compare the pipeline with the script: seconds by step and in all, then core-seconds in all.

    Core-seconds include all processes except PostgreSQL. Each further line subtracts what the script does not do:
    first the load, then the start, the checks and the report.
    """
    steps = {name: (ours["seconds"][name], seconds) for name, seconds in spark["seconds"].items()}
    six_steps = tuple(map(sum, zip(*steps.values(), strict=True)))
    run = {"the six steps": six_steps, "the whole run, load, proofs and report too": (ours["all"], spark["all"])}
    by_step = ours["processors"]
    whole, load = ours["whole"]["processors"], by_step["load_to_database"]
    parts = {
        "the whole run": whole,
        "without the load": whole - load,
        "without start, proofs and report too": sum(by_step.values()) - load,
    }
    return [
        build_ratio_table("seconds beside a first draft in PySpark, once", "the draft", steps | run),
        build_ratio_table(
            "core-seconds",
            "the draft",
            {name: (core_seconds, spark["processors"]) for name, core_seconds in parts.items()},
        ),
    ]


def describe_pandas(found: list[dict[str, Any]]) -> str:
    """Describe in a sentence at which size pandas failed."""
    last = found[-1]
    cells = f"{last['users']:,} users by {last['items']:,} items, {last['users'] * last['items'] * 8 / 1e9:,.0f} GB"
    verb = "dies" if last["died"] else "still runs"
    return f"pandas' dense pivot {verb} at {last['rows']:,} rows ({cells} of doubles)"
