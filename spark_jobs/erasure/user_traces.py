"""Where an erased user may still be named outside of the tables: run reports, logs, exports. Reports are removed."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spark_jobs.observability.wording import name_first
from spark_jobs.settings import Settings

BLOCK = 1 << 20
LATEST = "latest.html"  # of report/page.py
TEXTS = (".txt", ".log", ".json", ".html", ".csv", ".ndjson", ".prom")


def remove_reports(settings: Settings, user: int) -> int:
    """Remove the run reports in which a rejected row names the user, each page with its figures; how many pages."""
    number, pages = _number(user), set()
    folder = Path(settings.paths.reports)
    figures = sorted(folder.glob("2*.json"))
    for path in figures:
        rejected = json.loads(path.read_text(encoding="utf-8"))["rejected"]
        if any(number.search(row["example"].encode()) for row in rejected):
            pages |= {path.with_suffix(".html"), *([folder / LATEST] if path == figures[-1] else [])}
            path.unlink()
    for page in pages:
        page.unlink(missing_ok=True)
    return len(pages)


def describe_traces(settings: Settings, user: int) -> Iterator[str]:
    """One sentence for each place that still names the user, or may, and that only a person should change."""
    paths = settings.paths
    for what, folders in (
        ("logs", [paths.logs]),
        ("Airflow's task logs", task_logs(settings)),
        ("verdicts and lineage", [paths.quality, paths.lineage]),
    ):
        if found := sorted(_naming(user, _files(folders))):
            yield f"not touched: {what} name the user: {name_first(found)}; remove these files"
    if _files([paths.processed]):
        yield f"not touched: what was exported before to {paths.processed}; export again, and remove what you copied"
    yield "not touched: backups of the warehouse, of PostgreSQL and of the raw files, which this cannot know"


def task_logs(settings: Settings) -> list[str]:
    """The folders that Airflow's task logs may be in: as its variables say, and that of `make airflow`."""
    base, home = os.environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER"), os.environ.get("AIRFLOW_HOME")
    local = Path(settings.paths.database).parent / "airflow" / "logs"
    return list(dict.fromkeys(filter(None, (base, home and f"{home}/logs", str(local)))))


def _files(folders: Iterable[str]) -> list[Path]:
    """All files below local folders, each once."""
    found = (path for folder in folders for path in Path(folder).rglob("*"))
    return sorted({path.resolve() for path in found if path.is_file()})


def _naming(user: int, paths: Iterable[Path]) -> Iterator[Path]:
    """The texts in which the user's number stands by itself."""
    number = _number(user)
    return (path for path in paths if path.suffix in TEXTS and _has(path, number))


def _number(user: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![0-9])0*" + str(user).encode() + rb"(?![0-9])")


def _has(path: Path, number: re.Pattern[bytes]) -> bool:
    """Read block by block; blocks overlap by more than a number is long."""
    try:
        with path.open("rb") as file:
            tail = b""
            while block := file.read(BLOCK):
                if number.search(tail + block):
                    return True
                tail = block[-40:]
    except OSError:
        return True  # it cannot be read, so it may name the user
    return False
