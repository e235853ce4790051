"""The ways beside the pipeline are modules of their own, each in a process of its own, that print one line of JSON."""

import json
import subprocess
import sys
from typing import Any

from spark_jobs.errors import PipelineError
from spark_jobs.settings import ROOT


def answer(module: str, *arguments: object) -> Any:
    """What the module prints last. Raises PipelineError where it fails."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise PipelineError(f"{module} failed: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])
