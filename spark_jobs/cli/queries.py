"""Commands that only read: the state of the warehouse, its proofs, and queries."""

from enum import StrEnum
from typing import Annotated

import typer

from spark_jobs.cli.application import Overrides, command

PANEL = "Look"


class Layout(StrEnum):
    """How the answer of a query is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Query = Annotated[str | None, typer.Option(help="Run this query and print its answer, instead of opening a prompt.")]
AsLayout = Annotated[Layout, typer.Option("--format", help="How the answer is printed. JSON: one object on each line.")]


@command(PANEL, "pipeline status")
def status(overrides: Overrides = None) -> int:
    """Show the hours and days that are loaded, empty, stopped or missing, and how to fix each.

    Needs no Spark if the warehouse is on this machine or on S3.
    """
    from spark_jobs.commands import status as status_command

    return status_command.main(overrides or [])


@command(PANEL, "pipeline check")
def check(overrides: Overrides = None) -> int:
    """Prove the counts, and compare PostgreSQL with Delta hour by hour.

    May run while another run is at work.
    """
    from spark_jobs.commands import check as check_command

    return check_command.main(overrides or [])


@command(PANEL, "pipeline sql --query 'SELECT event_type, count(*) FROM cleaned_events GROUP BY 1' --format csv")
def sql(query: Query = None, layout: AsLayout = Layout.TABLE, overrides: Overrides = None) -> int:
    """Open a spark-sql prompt with every table by name. --query: SQL, or the name of a query in conf/queries."""
    from spark_jobs.commands import sql as sql_command

    return sql_command.main(overrides or [], query, layout.value)


@command(PANEL, "pipeline psql --query 'SELECT count(*) FROM user_events'")
def psql(query: Query = None, layout: AsLayout = Layout.TABLE, overrides: Overrides = None) -> int:
    """Open a psql prompt in the database that serves the events."""
    from spark_jobs.commands import psql as psql_command

    return psql_command.main(overrides or [], query, layout.value)


@command(PANEL, "pipeline settings --set matrix.trailing_days=30")
def settings(layout: AsLayout = Layout.TABLE, overrides: Overrides = None) -> int:
    """Print each setting, its value, and where the value comes from."""
    from spark_jobs.commands import settings as settings_command

    return settings_command.main(overrides or [], layout.value)
