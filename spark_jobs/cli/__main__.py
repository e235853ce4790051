"""`pipeline`, or `python -m spark_jobs.cli`: parse the command line and run one command."""

import os
import sys

from spark_jobs.cli import checkout, data, operations, queries, repair, runs
from spark_jobs.cli.application import app
from spark_jobs.project import PROJECT

PANELS = [module.PANEL for module in (runs, queries, repair, data, operations, checkout)]  # the order of the help
OPTIONS = ("-E", "-P", "-X", "utf8")  # no variables and no modules of other software; text in UTF-8


def main() -> None:
    """Run the command that the arguments name; exit with its code."""
    if PROJECT.is_package and not sys.flags.utf8_mode:  # a package's own script starts Python without these options
        os.execv(sys.executable, [sys.executable, *OPTIONS, "-m", "spark_jobs.cli", *sys.argv[1:]])
    app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))
    app(prog_name="pipeline")


if __name__ == "__main__":
    main()
