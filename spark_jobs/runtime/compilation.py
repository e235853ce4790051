"""Which of Java's compilers a job needs.

The second one makes faster code of what is called often. An hour of events ends before that pays: with
`SPARK_SUBMIT_OPTS=-XX:TieredStopAtLevel=4`, which keeps it, `make bench WHAT=hour` shows more seconds.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from spark_jobs import windows
from spark_jobs.errors import SettingsError
from spark_jobs.windows import HOUR

HOURLY = ("extract_events.py", "validate_data_quality.py", "load_to_database.py")
ANY_TIME = datetime.max  # in place of the present, which only chooses the hour where no start is given
FIRST_ONLY = "-XX:TieredStopAtLevel=1"


def java_options(arguments: Sequence[str]) -> list[str]:
    """Java's options for a spark-submit with these arguments: the first compiler alone where it takes one hour."""
    place = next((place for place, text in enumerate(arguments) if Path(text).name in HOURLY), None)
    return [FIRST_ONLY] if place is not None and _is_one_hour(arguments[place + 1 :]) else []


def _is_one_hour(arguments: Sequence[str]) -> bool:
    """Whether a job's own arguments name one hour; the job itself says what is wrong with them."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--start")
    parser.add_argument("--end")
    try:
        given, _ = parser.parse_known_args(arguments)
        hours = windows.parse(given.start, given.end, HOUR, ANY_TIME)
    except (SettingsError, argparse.ArgumentError):
        return False
    return hours.end - hours.start == HOUR
