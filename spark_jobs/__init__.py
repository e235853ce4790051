"""Raw shop events to recommender-ready tables: jobs, the rules they apply and the tables they write."""

import sys
from types import TracebackType


def _say_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted; nothing was begun, run the same command again.\n")
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"]:  # a command that still imports its modules: Ctrl-C is no reason for a trace
    sys.excepthook = _say_interrupted
