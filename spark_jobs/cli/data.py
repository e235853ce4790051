"""Commands that make, fetch or hand out files."""

from enum import StrEnum
from typing import Annotated

import typer

from spark_jobs.cli.application import Overrides, command

PANEL = "Data"


class FileFormat(StrEnum):
    """The format of exported files."""

    CSV = "csv"
    PARQUET = "parquet"


@command(PANEL, "pipeline sample --rows 1000000 --days 7 --seed 1")
def sample(
    rows: Annotated[int | None, typer.Option(help="Number of events; default: 100,000.")] = None,
    days: Annotated[int | None, typer.Option(help="Default: 3.")] = None,
    hours: Annotated[int | None, typer.Option(help="Number of hours, instead of --days.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bytes.")] = None,
    start: Annotated[
        str | None, typer.Option(help="First hour, UTC; default: the sample ends with the last full hour.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="A folder or a .csv file; default: paths.raw.")] = None,
    ratings: Annotated[bool, typer.Option("--ratings", help="Add rating events and a rating column.")] = False,
    taste: Annotated[int, typer.Option(help="Number of user clusters, each with its own taste.")] = 0,
    overrides: Overrides = None,
) -> int:
    """Generate events with the format and the skew of the real data set, and print how close they are to it."""
    from spark_jobs.sample import command as sample_command
    from spark_jobs.sample.events import Content

    span = sample_command.choose_span(rows, days, hours, start)
    return sample_command.main(overrides or [], span, out, seed, Content(ratings, taste))


@command(PANEL, "pipeline download --month 2019-Oct")
def download(
    month: Annotated[str, typer.Option(help="The month to download.")] = "2019-Oct", overrides: Overrides = None
) -> int:
    """Download the real data with Kaggle's client; without it, print where to get it and where to put it."""
    from spark_jobs.commands import download as download_command

    return download_command.main(overrides or [], month)


@command(PANEL, "pipeline export --format parquet")
def export(
    file_format: Annotated[FileFormat, typer.Option("--format", help="The format of the files.")] = FileFormat.CSV,
    overrides: Overrides = None,
) -> int:
    """Export the five outputs, and the matrix as triples and as scipy.sparse CSR, to paths.processed.

    The triples are Parquet; the index tables of the matrix are exported as CSV and as Parquet.
    """
    from spark_jobs.commands import export as export_command

    return export_command.main(overrides or [], file_format.value)


@command(PANEL, "pipeline split --at 2019-10-25")
def split(
    at: Annotated[str | None, typer.Option(help="The first day, UTC, of the test side.")] = None,
    overrides: Overrides = None,
) -> int:
    """Split into training data from before a midnight, and test data from after it, in paths.processed.

    Training: matrix and features. Test: interactions. No byte of the training side depends on a later event.
    """
    from spark_jobs.commands import split as split_command

    return split_command.main(overrides or [], at)


@command(PANEL, "pipeline package")
def package() -> int:
    """Pack the code into data/pipeline.zip, for spark-submit --py-files."""
    from spark_jobs.commands import package as package_command

    return package_command.main()
