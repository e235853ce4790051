"""What a first draft costs: a PySpark script without care, once; the pandas way, up to where it dies."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.process import answer
from benchmarks.table import ratios
from spark_jobs.sample.generate import Span, generate

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def by_spark(folder: Path, path: Path) -> dict[str, Any]:
    """Seconds of each step of the script; seconds (`all`) and core-seconds (`processors`) of its whole run."""
    begun = time.monotonic()
    found = answer("by_spark", path, folder)
    return found | {"all": time.monotonic() - begun}


def by_pandas(folder: Path) -> list[dict[str, Any]]:
    """For growing files of thirty days: seconds, users, items and whether the dense pivot died; stops where it did."""
    found = []
    for rows in SIZES:
        path = generate(Span(rows, 30 * 24, datetime(2019, 10, 1)), folder / f"{rows}.csv")[0]
        found.append({"rows": rows} | answer("by_pandas", path))
        if found[-1]["died"]:
            break
    return found


def beside_spark(spark: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Table]:
    """The pipeline's run beside the script's: seconds by step and in all, then core-seconds in all.

    Core-seconds are those of all processes but PostgreSQL. What the script does not do is left out line by line:
    the load, then the start, the proofs and the report.
    """
    steps = {name: (ours["seconds"][name], seconds) for name, seconds in spark["seconds"].items()}
    six = tuple(map(sum, zip(*steps.values(), strict=True)))
    run = {"the six steps": six, "the whole run, load, proofs and report too": (ours["all"], spark["all"])}
    cores = ours["processors"]
    whole, load = ours["whole"]["processors"], cores["load_to_database"]
    used = {
        "the whole run": whole,
        "without the load": whole - load,
        "without start, proofs and report too": sum(cores.values()) - load,
    }
    return [
        ratios("seconds beside a first draft in PySpark, once", "the draft", steps | run),
        ratios("core-seconds", "the draft", {name: (part, spark["processors"]) for name, part in used.items()}),
    ]


def of_pandas(found: list[dict[str, Any]]) -> str:
    """Where the pandas way ended, as a sentence."""
    last = found[-1]
    cells = f"{last['users']:,} users by {last['items']:,} items, {last['users'] * last['items'] * 8 / 1e9:,.0f} GB"
    verb = "dies" if last["died"] else "still runs"
    return f"pandas' dense pivot {verb} at {last['rows']:,} rows ({cells} of doubles)"
