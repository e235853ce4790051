"""A live source: a sample where there is no data yet, then a file for each full hour as it passes.

Nothing is ever added to a folder that contains other files than generated ones.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from spark_jobs.addresses import is_remote
from spark_jobs.command_line import load_settings, run_guarded
from spark_jobs.sample.generate import Span, generate
from spark_jobs.session import now
from spark_jobs.settings import Settings, is_default_raw
from spark_jobs.sources.listing import Listing, list_files
from spark_jobs.tables import LANDED_FILES
from spark_jobs.windows import HOUR, floor

ROWS = 1_400  # the default sample's rows in an hour
LATE = timedelta(seconds=30)
OWN = ("sample-", "feed-")  # prefixes of the names of generated files


def generate_first_sample(settings: Settings) -> bool:
    """Generate a sample that ends with the last full hour, where the project's own raw folder has no CSV file.

    Returns whether the folder may be fed. Nothing is ever generated in a folder that a user named.
    """
    raw = Path(settings.paths.raw)
    if may_have_sample(settings):
        raw.mkdir(parents=True, exist_ok=True)
        generate(Span(), raw, further=settings.events.added)
    return is_fed(settings)


def may_have_sample(settings: Settings) -> bool:
    """Return whether generated events may be written to the raw folder.

    It must be the project's own and empty, and nothing may have landed in the warehouse, which must be local.
    """
    raw, warehouse = Path(settings.paths.raw), settings.paths.warehouse
    if not is_default_raw(settings) or is_remote(warehouse) or (Path(warehouse) / LANDED_FILES.name).exists():
        return False
    found = list_files(str(raw)) if raw.exists() else Listing([])
    return not found.files and not found.skipped


def is_fed(settings: Settings) -> bool:
    """Return whether the raw folder is the project's own and has CSV files, all of them generated."""
    files = list_files(settings.paths.raw).files if is_default_raw(settings) else []
    return bool(files) and all(file.name.startswith(OWN) for file in files)


def main() -> int:
    """Feed paths.raw until interrupted. Hours that passed while the feed was off are skipped."""
    settings = load_settings([])
    raw = Path(settings.paths.raw)
    generate_first_sample(settings)
    hour = floor(now(), HOUR)
    while True:
        time.sleep(max(0.0, (hour + HOUR + LATE - now()).total_seconds()))
        if is_fed(settings):
            generate(Span(ROWS, 1, hour), raw / f"feed-{hour:%Y-%m-%dT%H}.csv", further=settings.events.added)
        else:
            sys.stdout.write(f"feed: {raw} contains your own files, so no sample events are added.\n")
        hour += HOUR


if __name__ == "__main__":
    sys.exit(run_guarded("feed", main))
