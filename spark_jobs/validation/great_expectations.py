"""Great Expectations: the only module that runs it. One ephemeral context per verdict; JSON results, HTML Data Docs.

A verdict is one validation of a small table of measures, with one row for each window (hour, day or snapshot). So a
month of 744 hours costs one run, and no expectation ever collects event rows.
"""

import fcntl
import importlib
import json
import logging
import shutil
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from expectations import Suite
from spark_jobs.session import now

STAMP = "%Y%m%dT%H%M%S%f"


def preload() -> None:
    """Start to import the library, which takes seconds, while the JVM starts."""
    threading.Thread(target=importlib.import_module, args=("great_expectations",), daemon=True).start()


@dataclass
class Verdict:
    """The result of a suite, by window. A window in neither `failed` nor `warned` passed without a warning.

    `failed` and `warned` have sentences, `broken` the critical measures that failed, `outcomes` the outcome of each
    measure.
    """

    suite: str
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    warned: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))


def judge(suite: Suite, measures: pd.DataFrame, folder: str, docs_days: int) -> Verdict:
    """Validate `measures` with `suite` and return the verdict. Columns: `unit` (the window), `rows`, the counts.

    A measure that is null is not validated. An expectation that raises an exception fails every window. Writes
    `<folder>/verdicts/<suite>/<time>.json`, GX's own results and the Data Docs, and removes those older than
    `docs_days` days.
    """
    verdict = Verdict(suite.name)
    if measures.empty:
        return verdict
    table = measures.astype({name: "float64" for name in measures.columns if name != "unit"})
    with _lock_folder(folder), _silence_library():
        taken_at = now()  # inside the lock: no two verdicts have the same time
        result = _run_validation(suite, table, folder, docs_days, taken_at)
        for outcome in result.results:
            _record_outcome(verdict, outcome, table)
        _write_verdict(verdict, Path(folder) / "verdicts" / suite.name / f"{taken_at:{STAMP}}.json")
    return verdict


@contextmanager
def _lock_folder(folder: str) -> Iterator[None]:
    """Allow one verdict at a time, over all threads and processes.

    The library keeps its project in a global variable, and builds the Data Docs from all results in the folder.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / ".lock").open("a") as file:  # one open file each, so that threads wait too
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run_validation(suite: Suite, table: pd.DataFrame, folder: str, docs_days: int, taken_at: datetime) -> Any:
    import great_expectations as gx

    _remove_old_results(folder, docs_days)
    context = gx.get_context(mode="ephemeral", project_config=_configure_project(folder))
    source = context.data_sources.add_pandas("measures")
    batch = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("units")
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite.build()))
    checkpoint = gx.Checkpoint(
        name=suite.name,
        validation_definitions=[context.validation_definitions.add(definition)],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="data_docs", site_names=["docs"])],
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": ["unit"],
            "partial_unexpected_count": len(table),
        },
    )
    run = gx.RunIdentifier(run_name=f"{taken_at:{STAMP}}")
    result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table}, run_id=run)
    return next(iter(result.run_results.values()))


def _configure_project(folder: str) -> Any:
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    def on_disk(place: str) -> dict[str, str]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(Path(folder).resolve() / place)}

    defaults = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    defaults.stores["validation_results_store"] = {
        "class_name": "ValidationResultsStore",
        "store_backend": on_disk("results"),
    }
    defaults.data_docs_sites = {
        "docs": {
            "class_name": "SiteBuilder",
            "store_backend": on_disk("docs"),
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
    }
    return DataContextConfig(
        store_backend_defaults=defaults,
        analytics_enabled=False,
        progress_bars={"globally": False},  # type: ignore[arg-type]  # the library takes what it would read of a file
    )


def _record_outcome(verdict: Verdict, outcome: Any, table: pd.DataFrame) -> None:
    config = outcome.expectation_config
    measure, says = config.kwargs["column"], config.meta["says"]
    raised = _find_exception(outcome)
    broken = {row["unit"] for row in outcome.result.get("partial_unexpected_index_list") or []}
    for row in table.to_dict("records"):
        unit = row["unit"]
        if raised:
            verdict.failed[unit].append(f"'{says}' could not be evaluated ({raised})")
            verdict.outcomes[unit][measure] = "failed"
        elif pd.isna(row[measure]):
            verdict.outcomes[unit][measure] = "not judged"
        elif unit not in broken:
            verdict.outcomes[unit][measure] = "passed"
        else:
            critical = str(config.severity).lower().endswith("critical")
            rows_text = _format_rows(row.get(config.meta["rows"]), row.get(config.meta["of"]))
            (verdict.failed if critical else verdict.warned)[unit].append(f"'{says}' failed{rows_text}")
            verdict.outcomes[unit][measure] = "failed" if critical else "warning"
            if critical:
                verdict.broken[unit].append(measure)


def _format_rows(count: float | None, of: float | None) -> str:
    """Return how many rows failed, and of how many; empty where they are not counted."""
    if pd.isna(count):
        return ""
    return f": {count:,.0f} rows" if pd.isna(of) else f": {count:,.0f} of {of:,.0f} rows"


def _find_exception(outcome: Any) -> str | None:
    info = outcome.exception_info or {}
    for part in [info] if "raised_exception" in info else info.values():
        if part.get("raised_exception"):
            return str(part.get("exception_message")).strip().splitlines()[0]
    return None


def _write_verdict(verdict: Verdict, path: Path) -> None:
    """Write the outcome of every expectation (passed, warning, failed or not judged) and the counts for each window."""
    path.parent.mkdir(parents=True, exist_ok=True)
    units = {
        unit: {
            "counts": {kind: list(outcomes.values()).count(kind) for kind in dict.fromkeys(outcomes.values())},
            "expectations": len(outcomes),
            "outcomes": outcomes,
            "failed": verdict.failed.get(unit, []),
            "warnings": verdict.warned.get(unit, []),
        }
        for unit, outcomes in verdict.outcomes.items()
    }
    path.write_text(json.dumps({"suite": verdict.suite, "units": units}, indent=1, ensure_ascii=False))


def prune(folder: str, docs_days: int) -> None:
    """Remove results and pages older than `docs_days` days. The Data Docs index lists the remaining ones."""
    if Path(folder).exists():
        with _lock_folder(folder):
            _remove_old_results(folder, docs_days)


def _remove_old_results(folder: str, docs_days: int) -> None:
    stamp = f"{now() - timedelta(days=docs_days):{STAMP}}"
    for place in ("results", "docs/validations"):
        for run in Path(folder).glob(f"{place}/*/*"):
            if run.is_dir() and run.name < stamp:
                shutil.rmtree(run, ignore_errors=True)
    for file in Path(folder).glob("verdicts/*/*.json"):
        if file.stem < stamp:
            file.unlink(missing_ok=True)


@contextmanager
def _silence_library() -> Iterator[None]:
    """Silence Great Expectations' own logs and warnings: a verdict is its result, not its log."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)
