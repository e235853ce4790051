"""The choice of Java's compilers for a job: only the first one, or both.

The second compiler produces faster code for methods that are called often. A job over one hour of events ends before
this pays off, and so does a whole run over few events: with `SPARK_SUBMIT_OPTS=-XX:TieredStopAtLevel=4`, which keeps
both compilers, `make bench WHAT=hour` and `make bench ROWS=100000` show more seconds.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from spark_jobs import windows
from spark_jobs.errors import SettingsError
from spark_jobs.windows import HOUR

HOURLY = ("extract_events.py", "validate_data_quality.py", "load_to_database.py")
FEW_BYTES = 50_000_000  # some 400,000 events; a run over a million events is faster with both compilers
ANY_TIME = datetime.max  # used as the current time, which only matters where no --start is given
# With one compiler, Java would reserve room for 48 MB of compiled code. A run needs more: Java would remove methods and
# compile them again and again.
FIRST_ONLY = ["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"]


def choose_java_options(arguments: Sequence[str]) -> list[str]:
    """Return Java's options for these arguments of spark-submit: only the first compiler for a job over one hour."""
    place = next((place for place, text in enumerate(arguments) if Path(text).name in HOURLY), None)
    return FIRST_ONLY if place is not None and _is_one_hour(arguments[place + 1 :]) else []


def choose_for_content(count: int) -> list[str]:
    """Return Java's options for a run over files with `count` bytes in all: only the first compiler for few bytes."""
    return FIRST_ONLY if count < FEW_BYTES else []


def _is_one_hour(arguments: Sequence[str]) -> bool:
    """Return whether a job's own arguments name one hour. The job itself reports invalid arguments."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--start")
    parser.add_argument("--end")
    try:
        given, _ = parser.parse_known_args(arguments)
        hours = windows.parse(given.start, given.end, HOUR, ANY_TIME)
    except (SettingsError, argparse.ArgumentError):
        return False
    return hours.end - hours.start == HOUR
