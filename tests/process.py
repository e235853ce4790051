"""`make run` and spark-submit as processes of their own, with all that they make in one folder."""

import os
import subprocess
import sys
from pathlib import Path

from spark_jobs.settings import ROOT

SUBMIT = Path(sys.executable).parent / "spark-submit"
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # spark-submit asks for it where no venv is activated
NAMES = ("warehouse", "database", "quality", "processed", "reports", "metrics", "lineage", "logs")


def places(folder: Path) -> list[str]:
    """The options that put everything but the input into the folder."""
    return [part for name in NAMES for part in ("--set", f"paths.{name}='{folder / name}'")]


def command(folder: Path, *arguments: str, module: str = "spark_jobs.pipeline") -> list[str]:
    """The command: input from `folder`/raw, everything else beside it."""
    return [sys.executable, "-m", module, "--input", str(folder / "raw"), *places(folder), *arguments]


def environment(folder: Path, cores: int | None = 2) -> dict[str, str]:
    """The variables that it runs with: no database of the caller's, logs in the folder; cores None: as conf/ says."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    chosen = {"PYSPARK_SUBMIT_ARGS": f"--master local[{cores}] pyspark-shell"} if cores else {}
    return kept | {"PIPELINE_LOGS": str(folder / "logs")} | chosen


def run(folder: Path, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess:
    """Runs it to its end."""
    return subprocess.run(
        command(folder, *arguments),
        env=environment(folder, cores),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
