"""A sample for any span: draw, write, and say how close it came."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from spark_jobs.errors import PipelineError
from spark_jobs.sample.catalog import Catalog, catalog
from spark_jobs.sample.events import Events, draw
from spark_jobs.sample.write import write
from spark_jobs.windows import HOUR, floor

ROWS, DAYS, SEED = 100_000, 3, 7  # the sample that `make run` makes where there is no data
MOST_ROWS = 200_000_000


def generate(
    rows: int, days: int, seed: int, start: datetime | None, out: Path, ratings: bool = False, taste: int = 0
) -> Path:
    """Writes `rows` events over `days` days and returns the path; the same arguments give the same bytes.

    `start` (naive UTC): the first hour; None: so that the last full hour is the last. `out` is a folder or a file.
    Raises PipelineError for counts that make no sense or a place that cannot be written.
    """
    return make(rows, days, seed, start, out, ratings, taste)[0]


def make(
    rows: int, days: int, seed: int, start: datetime | None, out: Path, ratings: bool, taste: int
) -> tuple[Path, Events, Catalog]:
    """`generate`, with the arrays for those who want to look at them."""
    if not 1 <= rows <= MOST_ROWS:
        raise PipelineError(f"ROWS={rows}: between 1 and {MOST_ROWS:,} rows can be made.")
    if not 1 <= days <= 3660:
        raise PipelineError(f"DAYS={days}: between 1 and 3,660 days can be filled.")
    from spark_jobs.session import now

    first = floor(start or now() - timedelta(days=days), HOUR)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    shop = catalog(rows, rng)
    events = draw(shop, rows, first, days * 24, rng, ratings, taste)
    path = out if out.suffix in (".csv", ".CSV") else out / f"sample-{first:%Y-%m-%dT%H}-{rows}-seed{seed}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(events, shop, path, ratings, seed)
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror}).") from error
    return path, events, shop
