"""Commands that run the pipeline: all of it, or on a schedule."""

from typing import Annotated

import typer

from spark_jobs.cli.application import Overrides, command

PANEL = "Run"


@command(PANEL, "pipeline run --input data/2019-Oct.csv")
def run(
    input: Annotated[str | None, typer.Option(help="A CSV file or a folder of them; default: paths.raw.")] = None,
    accept_rejects: Annotated[
        str | None, typer.Option(metavar="REASON", help="Admit hours with too many rejected rows.")
    ] = None,
    overrides: Overrides = None,
) -> int:
    """Run the whole pipeline on everything that has landed; on a generated sample where there is no data."""
    from spark_jobs import pipeline

    return pipeline.main(overrides or [], input, accept_rejects)


@command(PANEL, "pipeline requeue")
def requeue(
    input: Annotated[str | None, typer.Option(help="A CSV file or a folder of them; default: paths.raw.")] = None,
    overrides: Overrides = None,
) -> int:
    """Run the pipeline and validate rejected rows again, after their file or a rule has been fixed."""
    from spark_jobs import pipeline

    return pipeline.main(overrides or [], input, requeue=True)


@command(PANEL, "pipeline report --open")
def report(
    open: Annotated[bool, typer.Option("--open", help="Open the page in a browser if there is a screen.")] = False,
    overrides: Overrides = None,
) -> int:
    """Write the charts of the latest run: one page that opens from disk.

    It shows a calendar of hours, trends, where each row went, funnel, long tails, verdicts, sizes, and changes.
    pipeline run writes the page too; on a schedule, the DAG run_report writes it after each day.
    """
    from spark_jobs.command_line import load_settings
    from spark_jobs.jobs import write_report

    return write_report.write(load_settings(overrides or []), opens=open)
