"""Named points at which `make torture` stops a run. Nothing happens unless PIPELINE_FAILPOINT names one."""

import os
import time
from pathlib import Path


def reach(name: str) -> None:
    """Stop here once, where PIPELINE_FAILPOINT (names separated by commas) contains `name`.

    Creates the file PIPELINE_FAILPOINT_FILE.`name` with the id of this process and waits until the file is gone.
    Meanwhile the process that set both variables causes the fault that the run must survive. On a cluster executors get
    both variables as spark.executorEnv.….
    """
    if name not in os.environ.get("PIPELINE_FAILPOINT", "").split(","):
        return
    here = Path(f"{os.environ['PIPELINE_FAILPOINT_FILE']}.{name}")
    try:
        Path(f"{here}.passed").touch(exist_ok=False)
    except FileExistsError:
        return
    here.write_text(str(os.getpid()))
    while here.exists():
        time.sleep(0.02)
