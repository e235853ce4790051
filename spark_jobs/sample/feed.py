"""A live source: a sample where there is no data yet, then a file for each full hour as it passes."""

import sys
import time
from datetime import timedelta
from pathlib import Path

from spark_jobs.command_line import guarded
from spark_jobs.sample.generate import Span, generate
from spark_jobs.session import now
from spark_jobs.settings import load
from spark_jobs.sources.files import found
from spark_jobs.windows import HOUR, floor

ROWS = 1_400  # the default sample's rows in an hour
LATE = timedelta(seconds=30)


def begin(raw: Path) -> None:
    """A sample that ends at the last full hour, where the folder has no CSV file."""
    raw.mkdir(parents=True, exist_ok=True)
    if not found(str(raw)):
        generate(Span(), raw)


def main() -> int:
    """Feeds paths.raw until it is interrupted; hours that passed while it was off are left out."""
    raw = Path(load().paths.raw)
    begin(raw)
    hour = floor(now(), HOUR)
    while True:
        time.sleep(max(0.0, (hour + HOUR + LATE - now()).total_seconds()))
        generate(Span(ROWS, 1, hour), raw / f"feed-{hour:%Y-%m-%dT%H}.csv")
        hour += HOUR


if __name__ == "__main__":
    sys.exit(guarded("feed", main))
