"""`pipeline`, or `python -m spark_jobs.cli`: parse the command line and run one command."""

from spark_jobs.cli import checkout, data, operations, queries, repair, runs
from spark_jobs.cli.application import app

PANELS = [module.PANEL for module in (runs, queries, repair, data, operations, checkout)]  # the order of the help


def main() -> None:
    """Run the command that the arguments name; exit with its code."""
    app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))
    app(prog_name="pipeline")


if __name__ == "__main__":
    main()
