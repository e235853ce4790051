"""The page about metrics, from the files that a success and a failure write."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.parser import text_string_to_metric_families

from reference.markdown import as_code, format_table
from spark_jobs.observability import metrics
from spark_jobs.observability.outcome import Outcome

HEAD = """# The metrics

Generated from `spark_jobs/observability/metrics.py` by `make docs`. A job writes `data/metrics/<job>.prom` when it
succeeds, and `data/metrics/<job>-failure.prom` when it fails. [Monitoring](../how-to/monitoring.md) explains how to use
them.
"""


def describe_metrics() -> str:
    """Describe the metrics of both files: name, labels, meaning."""
    with TemporaryDirectory() as folder:
        metrics.record(folder, "job", {"rows": 1}, 1.0, metrics.Usage(tables={"table": (1, 1)}))
        metrics.record_failure(folder, "job", Outcome.ERROR, 1.0)
        success, failure = (_describe_file(Path(folder) / f"{name}.prom") for name in ("job", "job-failure"))
    return f"{HEAD}\n## After a success\n\n{success}\n## After a failure\n\n{failure}"


def _describe_file(path: Path) -> str:
    return format_table(("metric", "labels", "meaning"), _read_metrics(path))


def _read_metrics(path: Path) -> Iterator[tuple[str, str, str]]:
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        yield as_code(family.name), ", ".join(family.samples[0].labels), family.documentation
