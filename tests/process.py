"""Run `make run` and spark-submit as separate processes that write everything to one folder."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.project import ROOT

SUBMIT = Path(sys.executable).parent / "spark-submit"
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # spark-submit needs it if no venv is activated
NAMES = ("warehouse", "database", "quality", "processed", "reports", "metrics", "lineage", "logs")


def path_options(folder: Path) -> list[str]:
    """Return the options that put everything except the input into the folder."""
    return [part for name in NAMES for part in ("--set", f"paths.{name}='{folder / name}'")]


def command(folder: Path, *arguments: str, module: Sequence[str] = ("spark_jobs.cli", "run")) -> list[str]:
    """Return the command: it reads from `folder`/raw and writes everything else next to it."""
    return [sys.executable, "-m", *module, "--input", str(folder / "raw"), *path_options(folder), *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that the command runs with: not the caller's database, and logs in the folder."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {"PIPELINE_LOGS": str(folder / "logs")}


def run(folder: Path, *arguments: str, cores: int | None = None) -> subprocess.CompletedProcess:
    """Run the command to its end. Java sees so many cores; with None, those of this machine."""
    seen = {"JAVA_TOOL_OPTIONS": f"-XX:ActiveProcessorCount={cores}"} if cores else {}
    return subprocess.run(
        command(folder, *arguments),
        env=environment(folder) | seen,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
