"""This pipeline, a DuckDB script and psql's COPY on one file, round by round; medians and ratios."""

import os
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from spark_jobs.errors import PipelineError
from tests.bench import process
from tests.bench.by_duckdb import STEPS
from tests.bench.process import answer, pipeline
from tests.bench.table import ratios

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


def measured(scratch: Path, path: Path) -> Round:
    """Each way once, in a new folder; raises PipelineError where they do not make the same number of rows."""
    folder = process.folder(scratch)
    (folder / "raw").symlink_to(path.parent)
    (folder / "duckdb").mkdir()
    ours = pipeline(folder)
    duck = answer("by_duckdb", path, folder / "duckdb", os.cpu_count())
    for table, (step, count) in COUNTS.items():
        here, there = ours["steps"][step][count], duck["rows"][table]
        if here != there:
            raise PipelineError(f"{table}: {here:,} rows here, {there:,} there.")
    copied = answer("by_psql", folder / "psql", folder / "duckdb" / "user_events.csv")
    shutil.rmtree(folder)
    return {"pipeline": ours, "duckdb": duck, "psql": copied}


def medians(rounds: list[Round]) -> dict[str, Any]:
    """Medians of seconds by step, beside the other way's."""

    def of(pick: Callable[[Round], float]) -> float:
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
    suites = rounds[0]["pipeline"]["verdicts"]
    return {
        "steps": steps,
        "CSV to all Delta tables": whole,
        LOAD: load,
        "verdicts": {suite: of(lambda r, suite=suite: r["pipeline"]["verdicts"][suite]) for suite in suites},
        "peak_gb": of(lambda r: r["pipeline"]["peak_bytes"]) / 1e9,
        "disk_gb": of(lambda r: r["pipeline"]["disk_bytes"]) / 1e9,
    }


def told(medians: dict[str, Any]) -> Table:
    """The medians and their ratios."""
    lines = {f"{step} (DuckDB)": tuple(pair.values()) for step, pair in medians["steps"].items()}
    lines["CSV to all Delta tables, session included (DuckDB)"] = tuple(medians["CSV to all Delta tables"].values())
    lines[f"{LOAD} (psql's COPY, indexes in place)"] = tuple(medians[LOAD].values())
    hourly = sum(seconds for suite, seconds in medians["verdicts"].items() if suite in ("raw_events", "user_events"))
    validation = medians["steps"]["validate_data_quality"]["pipeline"]
    lines["validate_data_quality (without Great Expectations)"] = (validation, validation - hourly)
    caption = f"peak memory of all processes {medians['peak_gb']:.1f} GB, tables {medians['disk_gb']:.2f} GB"
    return ratios("seconds, medians", "beside it", lines, caption)
