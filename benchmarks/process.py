"""What is measured runs in processes of its own: the pipeline, and the ways beside it, which print a line of JSON."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.resources import Watch
from spark_jobs.errors import PipelineError
from spark_jobs.settings import ROOT
from tests.process import command, environment


def folder(parent: Path) -> Path:
    """A new folder, which PostgreSQL's user can reach."""
    made = Path(tempfile.mkdtemp(dir=parent))
    made.chmod(0o755)
    return made


def answer(module: str, *arguments: object) -> Any:
    """What the module prints last. Raises PipelineError where it fails."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise PipelineError(f"{module} failed: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def pipeline(folder: Path) -> dict[str, Any]:
    """`make run` over `folder`/raw: its summary, seconds in all, memory; files (logs too) and bytes of its tables;
    bytes of PostgreSQL, its write-ahead log too."""
    own = {"PIPELINE_SUMMARY": str(folder / "summary.json")}
    begun = time.monotonic()
    with (folder / "out.txt").open("wb") as log:
        variables = environment(folder) | own
        started = command(folder, module="benchmarks.by_us")
        process = subprocess.Popen(started, env=variables, stdout=log, stderr=log, cwd=ROOT)
        with Watch(process.pid) as watch:
            process.wait()
    seconds = time.monotonic() - begun
    if process.returncode:
        raise PipelineError(f"the pipeline ended with {process.returncode}: {(folder / 'out.txt').read_text()[-300:]}")
    summary = json.loads((folder / "summary.json").read_text())
    database = sum(_sizes(folder / "database"))
    whole = {"all": seconds, "peak_bytes": watch.peak, "database_bytes": database}
    return summary | whole | _held(folder / "warehouse")


def _held(warehouse: Path) -> dict[str, Any]:
    """Bytes of everything, files and bytes of each table."""
    sizes = {table.name: _sizes(table) for table in warehouse.iterdir() if table.is_dir()}
    held = {name: {"files": len(files), "bytes": sum(files)} for name, files in sizes.items()}
    return {"disk_bytes": sum(table["bytes"] for table in held.values()), "tables": held}


def _sizes(folder: Path) -> list[int]:
    """Bytes of each file below the folder."""
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
