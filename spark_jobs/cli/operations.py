"""Commands that keep an installation running: maintenance, upgrades, checks of the machine."""

import os
from typing import Annotated

import typer

from spark_jobs.cli.application import Overrides, command

PANEL = "Operate"


@command(PANEL, "pipeline upkeep")
def upkeep(overrides: Overrides = None) -> int:
    """Once a week: compact small files, remove files and logs that are no longer needed, print sizes.

    Compacts the small files of closed days.
    Removes files that no table and no possible rebuild needs, and old logs, lineage and verdicts.
    Prints the sizes before and after.
    """
    from spark_jobs.commands import upkeep as upkeep_command

    return upkeep_command.main(overrides or [])


@command(PANEL, "pipeline upgrade")
def upgrade(overrides: Overrides = None) -> int:
    """After an update of this project: convert the tables of the older version.

    Until then runs refuse, with a message that gives the reason.
    """
    from spark_jobs.commands import upgrade as upgrade_command

    return upgrade_command.main(overrides or [])


@command(PANEL, "pipeline airflow --port 8090")
def airflow(
    port: Annotated[
        str | None, typer.Option(envvar="AIRFLOW_PORT", metavar="NUMBER", help="Default: the first free one from 8080.")
    ] = None,
    bind: Annotated[
        str | None, typer.Option(envvar="AIRFLOW_BIND", help="The address to listen on; default: this machine only.")
    ] = None,
) -> int:
    """Start a local Airflow with all DAGs on, a live feed of events and a login; no Docker."""
    variables = {"AIRFLOW_PORT": port, "AIRFLOW_BIND": bind}
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    from spark_jobs.commands import airflow as airflow_command

    return airflow_command.main()


@command(PANEL, "pipeline doctor")
def doctor() -> int:
    """Check this machine for everything that the pipeline needs, and print what to do about problems.

    Checks Java, Python, packages, jars, memory, disk, database and port.
    """
    from spark_jobs.commands import doctor as doctor_command

    return doctor_command.main()


@command(PANEL, "pipeline clean")
def clean() -> int:
    """Remove the warehouse, the database, verdicts, exports and samples (asks first; not with YES=1).

    Releases the database at DATABASE_URL. Your own files in data/raw are kept.
    """
    from spark_jobs.commands import clean as clean_command

    return clean_command.main()
