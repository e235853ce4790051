"""The Typer application, and how a function becomes a command: guarded, with a panel in the help and an example."""

import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from spark_jobs.project import PROJECT

EPILOG = (
    "Exit codes: 0 done, 1 error, 2 wrong setting or argument, 3 hours or days stopped, 4 data has not arrived yet, "
    "5 another run is writing to the warehouse."
)
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a setting; can be repeated.")
]

app = typer.Typer(
    help="Turn raw shop events into recommender-ready tables.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command(panel: str, example: str) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Make a function a command below `panel` in the help. The function returns its exit code.

    Its name, with - for _, is the command's name, and its docstring the help. Errors become one sentence.
    """

    def register(function: Callable[..., int]) -> Callable[..., None]:
        name = function.__name__.strip("_").replace("_", "-")

        @app.command(name, rich_help_panel=panel, epilog=f"Example: {example}")
        @wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            from spark_jobs.command_line import run_guarded  # takes a second, which --help need not wait for

            raise typer.Exit(run_guarded(name, lambda: function(*arguments, **options)))

        return guarded

    return register


def run_in_checkout(purpose: str, *arguments: str) -> int:
    """Run a program of the project's checkout and return its exit code.

    Raises PipelineError where this is an installed package, which does not have the program.
    """
    from spark_jobs.errors import PipelineError

    if not PROJECT.is_checkout:
        raise PipelineError(f"{purpose} needs a checkout of the project; this is an installed package.")
    return subprocess.run(arguments, cwd=PROJECT.files, check=False).returncode


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this Python, without the variables of other software, in UTF-8."""
    return (sys.executable, "-E", "-X", "utf8", *arguments)
