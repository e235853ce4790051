"""A live source: a sample where there is no data yet, then a file for each full hour as it passes.

Nothing is ever added to a folder that holds files of another origin.
"""

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
OWN = ("sample-", "feed-")  # how the names of generated files begin


def begin(raw: Path) -> bool:
    """A sample that ends at the last full hour, where the folder has no CSV file. Whether the folder is one to feed."""
    raw.mkdir(parents=True, exist_ok=True)
    if not found(str(raw)):
        generate(Span(), raw)
    return fed(raw)


def fed(raw: Path) -> bool:
    """Whether all CSV files of the folder are generated ones."""
    return all(source.name.startswith(OWN) for source in found(str(raw)))


def main() -> int:
    """Feeds paths.raw until it is interrupted; hours that passed while it was off are left out."""
    raw = Path(load().paths.raw)
    begin(raw)
    hour = floor(now(), HOUR)
    while True:
        time.sleep(max(0.0, (hour + HOUR + LATE - now()).total_seconds()))
        if fed(raw):
            generate(Span(ROWS, 1, hour), raw / f"feed-{hour:%Y-%m-%dT%H}.csv")
        else:
            sys.stdout.write(f"feed: {raw} holds files of your own, so no sample events are added to them.\n")
        hour += HOUR


if __name__ == "__main__":
    sys.exit(guarded("feed", main))
