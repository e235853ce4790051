"""The command line: every command has help, an example that can be parsed, and the exit codes of the jobs."""

import shlex
import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from spark_jobs.cli import application
from spark_jobs.cli.__main__ import PANELS
from spark_jobs.cli.application import app
from spark_jobs.errors import QualityError
from spark_jobs.project import SHIPPED, Project
from tests.project import ROOT

COMMANDS = sorted(str(command.name) for command in app.registered_commands)


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments, prog_name="pipeline")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_each_command_can_be_parsed(name):
    (example,) = [str(each.epilog).removeprefix("Example: ") for each in app.registered_commands if each.name == name]
    program, command, *arguments = shlex.split(example)
    assert (program, command) == ("pipeline", name)
    typer.main.get_command(app).commands[name].make_context(name, arguments)
    shown = invoke(name, "--help")
    assert shown.exit_code == 0 and "Example: pipeline" in shown.stdout


def test_the_help_lists_every_command_in_its_group():
    shown = invoke("--help").stdout
    assert all(f" {name} " in shown for name in COMMANDS) and all(panel in shown for panel in PANELS)
    assert "Exit codes: 0 done, 1 error, 2 wrong setting or argument" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stauts"], "Did you mean 'status'?"),
        (["rebuild", "--dya", "2019-10-01"], "No such option"),
        (["rebuild"], "rebuild: DAY is missing: make rebuild DAY=2019-10-01; make status lists the days.\n"),
        (["export", "--format", "xml"], "'xml' is not one of 'csv'"),
        (["status", "--set", "matrix.trailing_dyas=1"], "did you mean matrix.trailing_days?"),
    ],
)
def test_a_wrong_argument_ends_with_exit_code_2_and_a_sentence(arguments, says):
    result = invoke(*arguments)
    assert result.exit_code == 2 and says in result.stderr and result.stdout == ""


def test_the_exit_code_is_that_of_the_command(monkeypatch):
    from spark_jobs.commands import check

    def stop(overrides):
        raise QualityError("2019-10-01T05 is stopped.")

    monkeypatch.setattr(check, "main", stop)
    result = invoke("check")
    assert (result.exit_code, result.stderr) == (QualityError.exit_code, "check: 2019-10-01T05 is stopped.\n")


def test_settings_prints_each_value_and_where_it_comes_from(monkeypatch):
    monkeypatch.setenv("PIPELINE_QUALITY__DOCS_DAYS", "3")
    shown = invoke("settings", "--set", "matrix.trailing_days=30").stdout
    parts = (line.strip().partition(" ") for line in shown.splitlines())
    rows = {name: rest.split(maxsplit=1) for name, _, rest in parts}
    assert rows["matrix.trailing_days"] == ["30", "--set matrix.trailing_days=30"]
    assert rows["quality.docs_days"] == ["3", "PIPELINE_QUALITY__DOCS_DAYS"]
    assert rows["events.types.cart.weight"][0] == "3.0" and rows["schema.new_column"][0] == '"leave_out"'


def test_a_command_that_needs_the_checkout_says_so_in_an_installed_package(monkeypatch, tmp_path):
    monkeypatch.setattr(application, "PROJECT", Project(tmp_path, tmp_path / SHIPPED, tmp_path))
    checks = ("test", "bench", "torture", "cluster-check", "compose-check", "check-code")
    for name in (*checks, "docs", "docs-site", "lock"):
        result = invoke(name)
        sentence = f"{name}: {name} needs a checkout of the project; this is an installed package.\n"
        assert (result.exit_code, result.stderr) == (1, sentence)


def test_the_help_needs_no_spark():
    code = "import sys; from spark_jobs.cli.__main__ import main; sys.argv = ['pipeline', '--help']\ntry: main()\n"
    code += "except SystemExit: sys.exit(9 if 'pyspark' in sys.modules else 0)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0
