"""Named moments at which `make torture` stops a run. Nothing happens unless PIPELINE_FAILPOINT names one."""

import os
import time
from pathlib import Path


def reach(name: str) -> None:
    """Where PIPELINE_FAILPOINT, names with commas between, has `name`: makes the file PIPELINE_FAILPOINT_FILE.`name`
    with the number of this process, once, and waits until it is gone. On a cluster executors get both variables as
    spark.executorEnv.….

    Meanwhile the one who set both does what is to be survived.
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
