"""`make sample`: write a sample and print how close it is to each published figure."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from spark_jobs.observability.console import Console
from spark_jobs.sample.events import Content
from spark_jobs.sample.figures import compute_figures
from spark_jobs.sample.generate import DAYS, ROWS, SEED, Span, generate
from spark_jobs.session import now
from spark_jobs.settings import load, make_absolute
from spark_jobs.windows import HOUR, parse


def choose_span(rows: int | None, days: int | None, hours: int | None, start: str | None) -> Span:
    """Return the size and time of the sample; None: the default. `hours` is used instead of `days`."""
    first = parse(start, None, HOUR, now()).start if start else None
    return Span(ROWS if rows is None else rows, hours or (DAYS if days is None else days) * 24, first)


def main(overrides: Sequence[str], span: Span, out: str | None, seed: int | None, content: Content) -> int:
    """Write the sample into `out` (None: paths.raw), and print its figures."""
    begun, settings = time.monotonic(), load(overrides)
    place = Path(make_absolute(out, "OUT", Path.cwd()) if out else settings.paths.raw)
    number = SEED if seed is None else seed
    path, events, shop = generate(span, place, number, content.ratings, content.taste, settings.events.added)
    seconds = time.monotonic() - begun
    table = Table(title="calibration", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("figure", "Oct 2019", "here"):
        table.add_column(heading, no_wrap=True)
    for row in compute_figures(events, shop):
        table.add_row(*row)
    console = Console()
    console.out.print(table)
    console.say(f"{span.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB, {seconds:.1f} s: {path}")
    return 0
