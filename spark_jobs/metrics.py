"""What each job counted last, as a file that Prometheus collects (node_exporter's textfile collector)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.parser import text_string_to_metric_families

SECONDS = "pipeline_job_seconds"
FINISHED = "pipeline_job_finished_timestamp_seconds"
COUNTED = "pipeline_job_counted"
LATEST = "latest_hour"  # of a summary: the start of an hour, here as seconds since 1970


def record(folder: str, job: str, summary: Mapping[str, Any], seconds: float) -> None:
    """Writes `<folder>/<job>.prom` in one move: how long the job took, when it ended, and each number of its summary
    (label `count`; of a count by kind, as `count` and `kind`)."""
    registry = CollectorRegistry()
    Gauge(SECONDS, "How long the job's latest run took, seconds.", ["job"], registry=registry).labels(job).set(seconds)
    finished = Gauge(FINISHED, "When that run ended, seconds since 1970.", ["job"], registry=registry)
    finished.labels(job).set_to_current_time()
    counted = Gauge(COUNTED, "What that run counted: rows, hours, days.", ["job", "count", "kind"], registry=registry)
    for name, kind, number in _numbers(summary):
        counted.labels(job, name, kind).set(number)
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(Path(folder) / f"{job}.prom"), registry)


def _numbers(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for name, value in summary.items():
        for kind, number in value.items() if isinstance(value, Mapping) else [("", value)]:
            if isinstance(number, int | float):
                yield name, kind, float(number)
            elif name == LATEST:
                yield name, kind, datetime.fromisoformat(number).replace(tzinfo=UTC).timestamp()


def seconds(folder: str) -> dict[str, float]:
    """How long the latest run of each job took, in the order in which they ended."""
    took: dict[str, float] = {}
    ended: dict[str, float] = {}
    for path in Path(folder).glob("*.prom"):
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            for sample in family.samples:
                if sample.name in (SECONDS, FINISHED):
                    (took if sample.name == SECONDS else ended)[sample.labels["job"]] = sample.value
    return {job: took[job] for job in sorted(took, key=ended.get)}
