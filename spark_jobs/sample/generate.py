"""A sample for any span of time: draw its events, write them, and return them for the comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from spark_jobs.errors import PipelineError
from spark_jobs.sample.catalog import Catalog, create_catalog
from spark_jobs.sample.events import Content, Events, draw
from spark_jobs.sample.write import write
from spark_jobs.session import now
from spark_jobs.windows import HOUR, Window, floor

ROWS, DAYS, SEED = 100_000, 3, 7  # the sample that `make run` generates where there is no data
MOST_ROWS, MOST_DAYS, MOST_SEED, MOST_CLUSTERS = 200_000_000, 3_660, 2**32, 10_000


@dataclass(frozen=True)
class Span:
    """Size and time of a sample. `start` (naive UTC): the first hour. None: the sample ends with the last full hour."""

    rows: int = ROWS
    hours: int = DAYS * 24
    start: datetime | None = None

    def first(self) -> datetime:
        """Return the first hour."""
        return floor(self.start or now() - timedelta(hours=self.hours), HOUR)


def generate(
    span: Span,
    out: Path,
    seed: int = SEED,
    ratings: bool = False,
    taste: int = 0,
    further: Sequence[str] = (),
) -> tuple[Path, Events, Catalog]:
    """Write events and return the path, the events and the shop. The same arguments give the same bytes.

    `out` is a folder or a file. The shop (items, brands, prices) depends on the seed and, above ROWS, on the number of
    rows: small files of the same seed have the same items. `ratings`, `taste` and `further`: see `Content`. Raises
    PipelineError where a number is out of range or the path cannot be written.
    """
    if not 1 <= span.rows <= MOST_ROWS:
        raise PipelineError(f"ROWS={span.rows}: must lie between 1 and {MOST_ROWS:,}.")
    if not 1 <= span.hours <= MOST_DAYS * 24:
        raise PipelineError(f"DAYS={span.hours // 24}: must lie between 1 and {MOST_DAYS:,}.")
    if not 0 <= seed <= MOST_SEED:
        raise PipelineError(f"SEED={seed}: must lie between 0 and {MOST_SEED:,}.")
    if not 0 <= taste <= MOST_CLUSTERS:
        raise PipelineError(f"TASTE={taste}: must lie between 0 and {MOST_CLUSTERS:,}.")
    first = span.first()
    hours = Window(first, first + span.hours * HOUR, HOUR)
    shop = create_catalog(max(span.rows, ROWS), _create_random(seed))
    content = Content(ratings, taste, further)
    events = draw(shop, span.rows, hours, _create_random(seed, first), content)
    path = out if out.suffix in (".csv", ".CSV") else out / f"sample-{first:%Y-%m-%dT%H}-{span.rows}-seed{seed}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(events, shop, path, content, seed + int(first.replace(tzinfo=UTC).timestamp()))
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror}).") from error
    return path, events, shop


def _create_random(seed: int, first: datetime | None = None) -> np.random.Generator:
    entropy = [seed] if first is None else [seed, int(first.replace(tzinfo=UTC).timestamp())]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
