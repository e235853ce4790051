"""From raw shop events to recommender-ready tables: jobs, the rules that they apply, the tables that they write."""

from __future__ import annotations  # so that the version check can refuse an older Python

import os
import signal
import sys


def _end_imports(signum: int, frame: object) -> None:
    """End at once: an exception could be lost in a callback of the import system."""
    os.write(2, b"interrupted; nothing was started, run the same command again.\n")
    os._exit(130)


if sys.argv[:1] == ["-m"]:  # while a command imports its modules; run_guarded replaces it
    signal.signal(signal.SIGINT, _end_imports)

if "PYSPARK_GATEWAY_PORT" in os.environ and os.path.join("spark_jobs", "jobs") in sys.argv[0]:  # noqa: PTH118
    from spark_jobs.runtime import preflight

    preflight.check_or_exit()  # before any import that fails with another Spark or another Python
