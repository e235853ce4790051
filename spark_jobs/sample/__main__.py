"""`make sample`: write a sample and print how close it is to each published figure."""

import argparse
import sys
import time
from pathlib import Path

from rich import box
from rich.table import Table

from spark_jobs.command_line import run_guarded
from spark_jobs.observability.console import Console
from spark_jobs.sample.figures import compute_figures
from spark_jobs.sample.generate import DAYS, ROWS, SEED, Span, generate
from spark_jobs.session import now
from spark_jobs.settings import load, make_absolute
from spark_jobs.windows import HOUR, parse


def main() -> int:
    """Parse the arguments of `make sample`, write the sample and print its figures."""
    parser = argparse.ArgumentParser(prog="make sample", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--hours", type=int, help="number of hours, instead of --days")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--start", help="first hour, UTC; default: the sample ends with the last full hour")
    parser.add_argument("--out", help="folder or .csv file; default: paths.raw")
    parser.add_argument("--ratings", action="store_true", help="add rating events and a rating column")
    parser.add_argument("--taste", type=int, default=0, help="number of user clusters, each with its own taste")
    arguments = parser.parse_args()
    start = parse(arguments.start, None, HOUR, now()).start if arguments.start else None
    begun = time.monotonic()
    settings = load()
    out = Path(make_absolute(arguments.out, "OUT", Path.cwd()) if arguments.out else settings.paths.raw)
    span = Span(arguments.rows, arguments.hours or arguments.days * 24, start)
    path, events, shop = generate(span, out, arguments.seed, arguments.ratings, arguments.taste, settings.events.added)
    seconds = time.monotonic() - begun
    table = Table(title="calibration", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("figure", "Oct 2019", "here"):
        table.add_column(heading, no_wrap=True)
    for row in compute_figures(events, shop):
        table.add_row(*row)
    console = Console()
    console.out.print(table)
    console.say(f"{arguments.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB, {seconds:.1f} s: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded("sample", main))
