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


def environment(folder: Path) -> dict[str, str]:
    """The variables that it runs with: no database of the caller's, logs in the folder."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {"PIPELINE_LOGS": str(folder / "logs")}


def run(folder: Path, *arguments: str, cores: int | None = None) -> subprocess.CompletedProcess:
    """Runs it to its end, with so many cores as Java sees it; None: with those of this machine."""
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
