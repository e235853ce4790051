"""`make check`: prove the counting identities, and compare Delta with PostgreSQL hour by hour."""

from collections.abc import Sequence

from spark_jobs.command_line import load_settings
from spark_jobs.context import context
from spark_jobs.observability.console import Console
from spark_jobs.postgres.served_hours import compare_served_hours
from spark_jobs.report.run_summary import describe_identities
from spark_jobs.session import spark_session


def main(overrides: Sequence[str] = ()) -> int:
    """Print one line for each proof. Raises IdentityError, with the window and both figures, where one fails."""
    settings = load_settings(overrides)
    ctx = context(settings, spark_session("check"))
    console = Console()
    for line in describe_identities(ctx):
        console.say(line)
    console.say(compare_served_hours(ctx).sentence())
    return 0
