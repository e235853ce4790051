"""From raw shop events to recommender-ready tables: jobs, the rules that they apply, the tables that they write."""

from __future__ import annotations  # so that the version check can refuse an older Python

import os
import sys
from types import TracebackType


def _say_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted; nothing was started, run the same command again.\n")
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"]:  # while a command imports its modules, Ctrl-C must not show a trace
    sys.excepthook = _say_interrupted

if "PYSPARK_GATEWAY_PORT" in os.environ and os.path.join("spark_jobs", "jobs") in sys.argv[0]:  # noqa: PTH118
    from spark_jobs.runtime import preflight

    preflight.check_or_exit()  # before any import that fails with another Spark or another Python
