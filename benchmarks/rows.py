"""Compare this pipeline, a DuckDB script and psql's COPY on one file over several rounds; medians and ratios."""

import os
import shutil
import statistics
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import process
from benchmarks.by_duckdb import STEPS
from benchmarks.process import run_module, run_pipeline
from benchmarks.table import build_ratio_table
from spark_jobs.errors import PipelineError
from spark_jobs.windows import HOUR

LOAD = "load_to_database"
DAY = datetime(2019, 10, 15)  # the day that is loaded again: each of its hours gets one more event
LATE = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
COUNTS = {  # by table, the step and the count in the pipeline's summary
    "user_events": ("validate_data_quality", "user_events"),
    "rejected_events": ("validate_data_quality", "rejected_events"),
    "deduped_events": ("remove_duplicates", "deduped_events"),
    "cleaned_events": ("handle_missing_values", "cleaned_events"),
    "user_item_matrix": ("create_user_item_matrix", "cells"),
    "user_features": ("feature_engineering", "users"),
    "item_features": ("feature_engineering", "items"),
}
Round = dict[str, Any]


def measure(scratch: Path, path: Path) -> Round:
    """Run each alternative once in a new folder. Raises PipelineError if they do not build the same number of rows."""
    folder = process.create_folder(scratch)
    (folder / "raw").mkdir()
    (folder / "raw" / path.name).hardlink_to(path)
    (folder / "duckdb").mkdir()
    ours = run_pipeline(folder)
    duck = run_module("by_duckdb", path, folder / "duckdb", os.cpu_count(), DAY.date())
    for table, (step, count) in COUNTS.items():
        here, there = ours["steps"][step][count], duck["rows"][table]
        if here != there:
            raise PipelineError(f"{table}: {here:,} rows here, {there:,} there.")
    psql_seconds = run_module(
        "by_psql", folder / "psql", *(folder / "duckdb" / f"{name}.csv" for name in ("user_events", "day"))
    )
    reload = _reload_day(folder)
    shutil.rmtree(folder)
    return {"pipeline": ours, "duckdb": duck, "psql": psql_seconds, "replaced": reload}


def _reload_day(folder: Path) -> dict[str, Any]:
    """Add one event to each hour of the day, run the pipeline, which loads the day again, and return its summary."""
    late_lines = [f"{DAY + number * HOUR:%F %T} UTC,view,1,,,,1.00,1,late" for number in range(24)]
    (folder / "raw" / "late.csv").write_text("\n".join([LATE, *late_lines, ""]))
    reload = run_pipeline(folder)
    if (hours := reload["steps"][LOAD]["hours_loaded"]) != 24:
        raise PipelineError(f"{hours} hours were loaded again, not a day's.")
    return reload


def compute_medians(rounds: list[Round]) -> dict[str, Any]:
    """Compute the median seconds of each step for the pipeline and for the alternative."""

    def median_of(pick: Callable[[Round], float]) -> float:
        return statistics.median(pick(found) for found in rounds)

    steps = {
        step: {
            "pipeline": median_of(lambda r, step=step: r["pipeline"]["seconds"][step]),
            "duckdb": median_of(lambda r, step=step: r["duckdb"]["seconds"][step]),
        }
        for step in STEPS
    }
    replaced = {
        "pipeline": median_of(lambda r: r["replaced"]["seconds"][LOAD]),
        "psql": median_of(lambda r: r["psql"]["day"]),
    }
    load = {
        "pipeline": median_of(lambda r: r["pipeline"]["seconds"][LOAD]),
        "psql": median_of(lambda r: r["psql"]["seconds"]),
    }
    without_load = {
        "pipeline": median_of(lambda r: r["pipeline"]["built"] - r["pipeline"]["seconds"][LOAD]),
        "duckdb": median_of(lambda r: sum(r["duckdb"]["seconds"].values())),
    }
    suites = rounds[0]["pipeline"]["verdicts"]
    return {
        "steps": steps,
        "CSV to all Delta tables": without_load,
        LOAD: load,
        "a loaded day": replaced | {"rows": rounds[0]["replaced"]["steps"][LOAD]["rows_loaded"]},
        "verdicts": {suite: median_of(lambda r, suite=suite: r["pipeline"]["verdicts"][suite]) for suite in suites},
        "peak_gb": median_of(lambda r: r["pipeline"]["peak_bytes"]) / 1e9,
        "disk_gb": median_of(lambda r: r["pipeline"]["disk_bytes"]) / 1e9,
    }


def build_table(medians: dict[str, Any]) -> Table:
    """Build a table of the medians and their ratios."""
    lines = {f"{step} (DuckDB)": tuple(pair.values()) for step, pair in medians["steps"].items()}
    lines["CSV to all Delta tables, session included (DuckDB)"] = tuple(medians["CSV to all Delta tables"].values())
    lines[f"{LOAD} (psql's COPY, indexes in place)"] = tuple(medians[LOAD].values())
    day = medians["a loaded day"]
    lines[f"{LOAD}, a day of {day['rows']:,} rows replaced (psql's COPY of it)"] = (day["pipeline"], day["psql"])
    hourly = sum(seconds for suite, seconds in medians["verdicts"].items() if suite in ("raw_events", "user_events"))
    validation = medians["steps"]["validate_data_quality"]["pipeline"]
    lines["validate_data_quality (without Great Expectations)"] = (validation, validation - hourly)
    caption = f"peak memory of all processes {medians['peak_gb']:.1f} GB, tables {medians['disk_gb']:.2f} GB"
    return build_ratio_table("seconds, medians", "beside it", lines, caption)
