"""Named moments at which `make torture` stops a run. Nothing happens unless PIPELINE_FAILPOINT names one."""

import os
import time
from pathlib import Path


def reached(name: str) -> None:
    """Where PIPELINE_FAILPOINT is `name`: makes the file PIPELINE_FAILPOINT_FILE, once, and waits until it is gone.

    Meanwhile the one who set both does what is to be survived.
    """
    if os.environ.get("PIPELINE_FAILPOINT") != name:
        return
    here = Path(os.environ["PIPELINE_FAILPOINT_FILE"])
    passed = here.with_suffix(".passed")
    if passed.exists():
        return
    passed.touch()
    here.touch()
    while here.exists():
        time.sleep(0.02)
