"""Named moments at which `make torture` stops a run. Nothing happens unless PIPELINE_FAILPOINT names one."""

import os
import time
from pathlib import Path


def reached(name: str) -> None:
    """Where PIPELINE_FAILPOINT, names with commas between, has `name`: makes the file PIPELINE_FAILPOINT_FILE.`name`,
    once, and waits until it is gone.

    Meanwhile the one who set both does what is to be survived.
    """
    if name not in os.environ.get("PIPELINE_FAILPOINT", "").split(","):
        return
    here = Path(f"{os.environ['PIPELINE_FAILPOINT_FILE']}.{name}")
    passed = Path(f"{here}.passed")
    if passed.exists():
        return
    passed.touch()
    here.touch()
    while here.exists():
        time.sleep(0.02)
