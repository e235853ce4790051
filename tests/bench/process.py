"""What is measured runs in processes of its own: the pipeline, and the ways beside it, which print a line of JSON."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spark_jobs.errors import PipelineError
from spark_jobs.settings import ROOT
from tests.bench.memory import peak_of
from tests.process import command, environment


def folder(parent: Path) -> Path:
    """A new folder, which PostgreSQL's user can reach."""
    made = Path(tempfile.mkdtemp(dir=parent))
    made.chmod(0o755)
    return made


def remove(folder: Path) -> None:
    """Removes it with all that is in it; what ends meanwhile may still remove files of its own."""
    shutil.rmtree(folder, ignore_errors=True)


def answer(module: str, *arguments: object) -> Any:
    """What the module prints last. Raises PipelineError where it fails."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise PipelineError(f"{module} failed: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def pipeline(folder: Path) -> dict[str, Any]:
    """`make run` over `folder`/raw: its summary, seconds in all, memory; files (logs too) and bytes of its tables."""
    own = {"PIPELINE_SUMMARY": str(folder / "summary.json")}
    begun = time.monotonic()
    with (folder / "out.txt").open("wb") as log:
        variables = environment(folder, cores=None) | own
        started = command(folder, module="tests.bench.by_us")
        process = subprocess.Popen(started, env=variables, stdout=log, stderr=log, cwd=ROOT)
        peak = peak_of(process)
    seconds = time.monotonic() - begun
    if process.returncode:
        raise PipelineError(f"the pipeline ended with {process.returncode}: {(folder / 'out.txt').read_text()[-300:]}")
    summary = json.loads((folder / "summary.json").read_text())
    return summary | {"all": seconds, "peak_bytes": peak} | _held(folder / "warehouse")


def _held(warehouse: Path) -> dict[str, Any]:
    """Bytes of everything, files and bytes of each table."""
    sizes = {path: path.stat().st_size for path in warehouse.rglob("*") if path.is_file()}
    found = {
        table.name: [size for path, size in sizes.items() if table in path.parents] for table in warehouse.iterdir()
    }
    held = {name: {"files": len(table), "bytes": sum(table)} for name, table in found.items() if table}
    return {"disk_bytes": sum(sizes.values()), "tables": held}
