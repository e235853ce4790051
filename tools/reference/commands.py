"""The page about the commands of `pipeline`, from the Typer application and the Makefile."""

from collections.abc import Iterator

from typer import Context
from typer.core import TyperCommand, TyperOption
from typer.main import get_group

from reference.makefile import find_variable, read_targets
from reference.markdown import as_code, format_table
from spark_jobs.cli.__main__ import PANELS
from spark_jobs.cli.application import app

HEAD = """# The commands

Generated from `spark_jobs/cli` and the Makefile by `make docs`. `pipeline` is in `.venv/bin`, and its option
`--help` prints the same. The short name for `make` also runs the set-up where it is needed. An option in `make` is a
variable: `make export FORMAT=parquet` runs `pipeline export --format parquet`.

{epilog}
"""


def describe_commands() -> str:
    """Describe all commands in the groups of the help, then the targets that only make has."""
    commands = [each for each in get_group(app).commands.values() if isinstance(each, TyperCommand)]
    text = HEAD.format(epilog=app.info.epilog)
    for panel in PANELS:
        text += f"\n## {panel}\n"
        text += "".join(_describe_command(each) for each in commands if each.rich_help_panel == panel)
    names = {command.name for command in commands}
    rest = ((as_code(f"make {name}"), help) for name, (help, _) in read_targets().items() if name not in names)
    return f"{text}\n## Only with make\n\n{format_table(('target', 'what it does'), rest)}"


def _describe_command(command: TyperCommand) -> str:
    name = str(command.name)
    example = str(command.epilog).removeprefix("Example: ")
    text = f"\n### pipeline {name}\n\nShort name: `make {name}`.\n\n{command.help}\n\n```sh\n{example}\n```\n"
    rows = list(_describe_options(name, command))
    return f"{text}\n{format_table(('option', 'with make', 'meaning'), rows)}" if rows else text


def _describe_options(name: str, command: TyperCommand) -> Iterator[tuple[str, str, str]]:
    for option in command.params:
        if isinstance(option, TyperOption) and "--help" not in option.opts:
            flag = option.opts[0]
            kind = option.metavar or option.display_type(Context(command)).strip("<>")
            variable = option.envvar or find_variable(name, flag.removeprefix("--"))
            given = f"{variable}={1 if option.is_flag else '…'}" if variable else ""
            default = f" Default: {option.default}." if option.default else ""
            yield as_code(flag if option.is_flag else f"{flag} {kind}"), as_code(given), f"{option.help}{default}"
