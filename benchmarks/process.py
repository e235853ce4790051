"""Separate processes for the measurements: the pipeline, and the alternatives, which print a line of JSON."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.resources import Watch
from spark_jobs.errors import PipelineError
from tests.process import command, environment
from tests.project import ROOT


def create_folder(parent: Path) -> Path:
    """Create a folder that PostgreSQL's user can reach."""
    path = Path(tempfile.mkdtemp(dir=parent))
    path.chmod(0o755)
    return path


def run_module(module: str, *arguments: object) -> Any:
    """Run the module and return the JSON in its last line. Raises PipelineError if it fails."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if result.returncode:
        raise PipelineError(f"{module} failed: {result.stderr[-300:]}")
    return json.loads(result.stdout.splitlines()[-1])


def run_pipeline(folder: Path) -> dict[str, Any]:
    """Run `make run` over `folder`/raw and return its summary with measurements.

    They are: seconds in all, peak memory, files and bytes of the tables with their logs, and bytes of PostgreSQL with
    its write-ahead log.
    """
    summary_variable = {"PIPELINE_SUMMARY": str(folder / "summary.json")}
    start = time.monotonic()
    with (folder / "out.txt").open("wb") as log:
        variables = environment(folder) | summary_variable
        arguments = command(folder, module=["benchmarks.by_us"])
        process = subprocess.Popen(arguments, env=variables, stdout=log, stderr=log, cwd=ROOT)
        with Watch(process.pid) as watch:
            process.wait()
    seconds = time.monotonic() - start
    if process.returncode:
        raise PipelineError(f"the pipeline ended with {process.returncode}: {(folder / 'out.txt').read_text()[-300:]}")
    summary = json.loads((folder / "summary.json").read_text())
    database = sum(_list_sizes(folder / "database"))
    totals = {"all": seconds, "peak_bytes": watch.peak, "database_bytes": database}
    return summary | totals | _measure_tables(folder / "warehouse")


def _measure_tables(warehouse: Path) -> dict[str, Any]:
    """Return the bytes of the warehouse, and the files and bytes of each table."""
    sizes = {table.name: _list_sizes(table) for table in warehouse.iterdir() if table.is_dir()}
    usage = {name: {"files": len(files), "bytes": sum(files)} for name, files in sizes.items()}
    return {"disk_bytes": sum(table["bytes"] for table in usage.values()), "tables": usage}


def _list_sizes(folder: Path) -> list[int]:
    """List the bytes of each file below the folder."""
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
