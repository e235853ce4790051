"""Commands that correct or remove what is in the warehouse and the database."""

from typing import Annotated

import typer

from spark_jobs.cli.application import Overrides, command

PANEL = "Repair"


@command(PANEL, "pipeline rebuild --day 2019-10-01")
def rebuild(
    day: Annotated[str | None, typer.Option(help="A UTC day that has been built.")] = None, overrides: Overrides = None
) -> int:
    """Build a day's outputs again, from the table versions that they were built from.

    Restores tables that no longer contain them. Works for at least retention.rebuild_days days.
    """
    from spark_jobs.commands import rebuild as rebuild_command

    return rebuild_command.main(overrides or [], day)


@command(PANEL, "pipeline forget --user 541312140")
def forget(
    user: Annotated[str | None, typer.Option(help="The user_id.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Take the user off the list of erased users.")] = False,
    overrides: Overrides = None,
) -> int:
    """Erase a user from every table, its history and the database, and skip new records of the user.

    The erasure is proven. Earlier versions of the tables cannot be read afterwards.
    No file brings the user back until --lift allows it.
    """
    from spark_jobs.commands import forget as forget_command

    return forget_command.main(overrides or [], user, lift)


@command(PANEL, "pipeline handover")
def handover(overrides: Overrides = None) -> int:
    """Take the database of another warehouse, and remove that warehouse's events (asks first; not with YES=1).

    A database serves one warehouse. The next load fills the database with the events of this warehouse.
    """
    from spark_jobs.commands import handover as handover_command

    return handover_command.main(overrides or [])
