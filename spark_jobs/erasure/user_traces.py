"""Locations outside the tables that may still name an erased user: reports, logs, exports. Reports are removed."""

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
    """Remove the run reports in which a rejected row names the user, with their figures. Return the number of pages."""
    number, pages = _compile_number(user), set()
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
    """Yield one sentence for each location that names the user, or may, and that only a person should change."""
    paths = settings.paths
    for what, folders in (
        ("logs", [paths.logs]),
        ("Airflow's task logs", list_task_logs(settings)),
        ("verdicts and lineage", [paths.quality, paths.lineage]),
    ):
        if found := sorted(_find_files_naming(user, _list_files(folders))):
            yield f"not touched: {what} contain the user's id: {name_first(found)}; remove these files"
    if _list_files([paths.processed]):
        yield f"not touched: earlier exports in {paths.processed}; export again, and remove your copies"
    yield "not touched: backups of the warehouse, of PostgreSQL and of the raw files, which this command cannot search"


def list_task_logs(settings: Settings) -> list[str]:
    """Return the possible folders of Airflow's task logs: those that its variables name, and that of `make airflow`."""
    base, home = os.environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER"), os.environ.get("AIRFLOW_HOME")
    local = Path(settings.paths.database).parent / "airflow" / "logs"
    return list(dict.fromkeys(filter(None, (base, home and f"{home}/logs", str(local)))))


def _list_files(folders: Iterable[str]) -> list[Path]:
    """Return all files below local folders, each once."""
    found = (path for folder in folders for path in Path(folder).rglob("*"))
    return sorted({path.resolve() for path in found if path.is_file()})


def _find_files_naming(user: int, paths: Iterable[Path]) -> Iterator[Path]:
    """Return the text files that contain the user's number as a separate number."""
    number = _compile_number(user)
    return (path for path in paths if path.suffix in TEXTS and _has_number(path, number))


def _compile_number(user: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![0-9])0*" + str(user).encode() + rb"(?![0-9])")


def _has_number(path: Path, number: re.Pattern[bytes]) -> bool:
    """Return whether the file contains the number. Blocks overlap by more than the length of a number."""
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
