"""What a first draft costs: a PySpark script without care, once; the pandas way, up to where it dies."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from spark_jobs.sample.generate import Span, generate
from tests.bench.process import answer

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def by_spark(folder: Path, path: Path) -> dict[str, Any]:
    """Seconds of each step of the script, and of all of it with its session."""
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


def told(spark: dict[str, Any], pandas: list[dict[str, Any]], ours: float) -> list[str]:
    """Both in sentences; `ours` are the pipeline's seconds from CSV to all Delta tables."""
    lines = [f"naive PySpark, once: {spark['all']:.1f} s, {spark['all'] / ours:.2f} times this pipeline's {ours:.1f} s"]
    last = pandas[-1]
    cells = f"{last['users']:,} users by {last['items']:,} items, {last['users'] * last['items'] * 8 / 1e9:,.0f} GB"
    verb = "dies" if last["died"] else "still runs"
    return [*lines, f"pandas' dense pivot {verb} at {last['rows']:,} rows ({cells} of doubles)"]
