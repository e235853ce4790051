"""The latest counts of each job, in a file that Prometheus collects (node_exporter's textfile collector)."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.parser import text_string_to_metric_families

from spark_jobs.observability import run_log
from spark_jobs.observability.outcome import Outcome

SECONDS = "pipeline_job_seconds"
FINISHED = "pipeline_job_finished_timestamp_seconds"
COUNTED = "pipeline_job_counted"
WRITTEN = "pipeline_job_written_bytes"
WARNINGS = "pipeline_job_warnings"
TABLE_BYTES = "pipeline_table_bytes"
TABLE_FILES = "pipeline_table_files"
FAILURES = "pipeline_job_failures_in_a_row"
FAILED_SECONDS = "pipeline_job_failed_seconds"
FAILED = "pipeline_job_failed_timestamp_seconds"
LATEST = "latest_hour"  # a key of summaries: the start of an hour; as a metric, in seconds since 1970


@dataclass(frozen=True)
class Usage:
    """What a run wrote into Delta tables, in bytes, and the number of its warnings.

    `tables`: the number of data files and their bytes in the latest version of each table that the job writes.
    """

    written_bytes: int = 0
    warnings: int = 0
    tables: Mapping[str, tuple[int, int]] = field(default_factory=dict)


NO_USAGE = Usage()


def record(folder: str, job: str, summary: Mapping[str, Any], seconds: float, usage: Usage = NO_USAGE) -> None:
    """Write `<folder>/<job>.prom` atomically: the job's duration, when it ended, its usage, the numbers of its summary.

    The label `count` is the name of the number; `kind` is the kind in a count by kind, else empty.
    """
    registry = CollectorRegistry()
    Gauge(SECONDS, "How long the job's latest run took, seconds.", ["job"], registry=registry).labels(job).set(seconds)
    finished = Gauge(FINISHED, "When that run ended, seconds since 1970.", ["job"], registry=registry)
    finished.labels(job).set_to_current_time()
    meaning = "Each number of that run's summary; kind: where it is counted by kind, for example by event type."
    counted = Gauge(COUNTED, meaning, ["job", "count", "kind"], registry=registry)
    for name, kind, number in _list_numbers(summary):
        counted.labels(job, name, kind).set(number)
    _set_usage(registry, job, usage)
    with _tolerate_errors(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(Path(folder) / f"{job}.prom"), registry)


def _set_usage(registry: CollectorRegistry, job: str, usage: Usage) -> None:
    written = Gauge(WRITTEN, "Bytes of the data files that this run added to Delta tables.", ["job"], registry=registry)
    written.labels(job).set(usage.written_bytes)
    warnings = Gauge(WARNINGS, "Warnings that this run has printed.", ["job"], registry=registry)
    warnings.labels(job).set(usage.warnings)
    labels = ["job", "table"]
    files = Gauge(
        TABLE_FILES, "Data files in the latest version of a table that the job writes.", labels, registry=registry
    )
    sizes = Gauge(TABLE_BYTES, "Bytes of these files.", labels, registry=registry)
    for table, (count, size) in usage.tables.items():
        files.labels(job, table).set(count)
        sizes.labels(job, table).set(size)


def record_failure(folder: str, job: str, outcome: Outcome, seconds: float) -> None:
    """Write `<folder>/<job>-failure.prom`: the outcome of the latest run, its duration, when it ended, and how many
    runs in a row have failed.

    A run that reports a missing hour does not count as failed. The metrics of the last success do not change.
    """
    registry, labels = CollectorRegistry(), ["job", "outcome"]
    took = Gauge(
        FAILED_SECONDS,
        "How long the latest run took that failed or missed an hour, seconds.",
        labels,
        registry=registry,
    )
    took.labels(job, outcome).set(seconds)
    failed = Gauge(FAILED, "When that run ended, seconds since 1970.", labels, registry=registry)
    failed.labels(job, outcome).set_to_current_time()
    meaning = "Runs in a row that failed; no series after a success. A missing hour is no failure."
    counted = Gauge(FAILURES, meaning, ["job"], registry=registry)
    with _tolerate_errors(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = _locate_failures(folder, job)
        before = sum(value for name, _, value in _read_samples(path) if name == FAILURES) if path.exists() else 0
        counted.labels(job).set(before + (outcome is not Outcome.MISSING))
        write_to_textfile(str(path), registry)


def end_failures(folder: str, job: str) -> None:
    """Remove the file of a job's failures after a successful run, so that their count starts again."""
    with _tolerate_errors(folder):
        _locate_failures(folder, job).unlink(missing_ok=True)


def _locate_failures(folder: str, job: str) -> Path:
    return Path(folder) / f"{job}-failure.prom"


@contextmanager
def _tolerate_errors(folder: str) -> Iterator[None]:
    """Where a metric cannot be written, print one line on stderr. The job does not fail: its work is committed."""
    try:
        yield
    except (OSError, ValueError) as error:
        line = f"note: metrics could not be written to {folder} ({error})."
        sys.stderr.write(f"{line}\n")
        run_log.record_line(line)


def _read_samples(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield the name, job and value of each sample in a file."""
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        for sample in family.samples:
            yield sample.name, sample.labels["job"], sample.value


def _list_numbers(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for name, value in summary.items():
        for kind, number in value.items() if isinstance(value, Mapping) else [("", value)]:
            if isinstance(number, int | float):
                yield name, kind, float(number)
            elif name == LATEST:
                yield name, kind, datetime.fromisoformat(number).replace(tzinfo=UTC).timestamp()


def read_seconds(folder: str) -> dict[str, float]:
    """Return the seconds that the latest run of each job took, in the order in which the runs ended."""
    took: dict[str, float] = {}
    ended: dict[str, float] = {}
    for path in Path(folder).glob("*.prom"):
        for name, job, value in _read_samples(path):
            if name in (SECONDS, FINISHED):
                (took if name == SECONDS else ended)[job] = value
    return {job: took[job] for job in sorted(took, key=lambda job: ended.get(job, 0.0))}
