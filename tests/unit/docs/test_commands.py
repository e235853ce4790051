"""The commands in the pages: each can be parsed, and each is run by a test or has a reason why not."""

import argparse
import re
import runpy
import sys

import pytest
import typer.main
from reference.makefile import MAKEFILE, find_variable, read_targets

from spark_jobs import command_line, settings
from spark_jobs.cli.__main__ import app
from tests.pages import PAGES, Page, split_commands
from tests.project import ROOT

COMMANDS = typer.main.get_group(app).commands
ONLY_MAKE = {"help", "setup", "test-quick", "test-all"}
FORMER = {"lint", "vacuum"}  # targets that only the changelog names
# The file that runs each command of `pipeline`, or what it consists of, and how it names that.
TESTED = {
    "run": ("tests/process.py", '"spark_jobs.cli", "run"'),
    "requeue": ("tests/pipeline/test_collection.py", "requeue=True"),
    "report": ("tests/pipeline/test_report.py", "page.write("),
    "status": ("tests/pipeline/test_commands.py", "status.show"),
    "check": ("tests/pipeline/test_ownership.py", "check.compare_served_hours("),
    "sql": ("tests/pipeline/test_queries.py", "sql.QUERIES"),
    "psql": ("tests/pipeline/test_connection.py", "commands import psql"),
    "settings": ("tests/unit/cli/test_cli.py", 'invoke("settings"'),
    "rebuild": ("tests/pipeline/test_rebuild.py", "rebuild(ctx"),
    "forget": ("tests/pipeline/test_forget.py", "forget.forget("),
    "handover": ("tests/pipeline/test_ownership.py", "commands import check, handover"),
    "sample": ("tests/unit/sample/test_sample.py", "generate("),
    "export": ("tests/pipeline/test_matrix.py", "commands.export import export"),
    "split": ("tests/pipeline/test_example.py", "split(pipeline.ctx()"),
    "package": ("tests/deployment/test_cluster.py", "package(tmp_path)"),
    "upkeep": ("tests/pipeline/test_upkeep.py", "compact_closed_days("),
    "upgrade": ("tests/pipeline/test_upgrade.py", "commands.upgrade import"),
    "airflow": ("tests/dags/test_airflow.py", '"spark_jobs.cli", "airflow"'),
    "doctor": ("tests/unit/commands/test_doctor.py", "commands.doctor"),
    "clean": ("tests/pipeline/test_ownership.py", "clean.sh"),
    "torture": ("tests/faults/test_torture.py", "tests.torture"),
    "cluster-check": ("tests/deployment/test_cluster.py", "tests.cluster"),
    "compose-check": ("tests/deployment/test_compose.py", '"check.sh"'),
    "docs": ("tests/unit/test_architecture.py", "generated.GENERATED"),
    "docs-site": ("tests/unit/docs/test_site.py", '"docs-site"'),
}
# Commands that no test runs. Their words are checked as far as they name files of the project.
NOT_RUN = {
    "pipeline download": "needs Kaggle's client, an account and the network",
    "pipeline audit": "needs the network",
    "pipeline lock": "needs the network; a test compares the marks of the locks",
    "pipeline check-code": "runs before the tests, with the same commands",
    "pipeline test": "runs the tests",
    "pipeline bench": "measures time, which no test may do",
    "make help": "lists the targets, which a test compares with the commands",
    "make setup": "runs before the tests; a test runs it up to its first refusal",
    "make test-quick": "runs the tests",
    "make test-all": "runs the tests",
    "airflow": "tests/dags/test_airflow.py runs unpausing, triggers and backfills in a real Airflow",
    "docker": "needs an engine; tests/deployment/test_compose.py starts the stack where there is one",
    "docker-compose": "the former name of docker compose",
    "bash": "tests/deployment/test_compose.py runs docker/env.sh; the pictures of the report need Chromium",
    ".venv/bin/python": "tests/pipeline/test_example.py runs the example; the others are tests or the set-up",
    ".venv/bin/uv": "installs packages from the network",
    "pip": "installs packages from the network; tests/deployment/test_package.py does so in an empty environment",
    "python": "tests/deployment/test_package.py runs the example",
    "python3": "creates an environment; tests/deployment/test_package.py does so",
    "mkdir": "creates a folder",
    "cd": "enters a folder",
    "promtool": "tests/deployment/test_monitoring.py runs it where it is installed",
    "pre-commit": "its configuration is compared with check-code",
    "export": "sets a variable",
    "source": "sets variables",
    "sort": "sorts the lines of jq",
    "jq": "a program of its own; tests/dags/test_airflow.py reads the same fields",
}


def name_of(page: Page) -> str:
    return page.name


def parse_with_typer(name: str, arguments: list[str]) -> None:
    """Parse the arguments of a command of `pipeline`, and the settings that they override, without running it."""
    parsed = COMMANDS[name].make_context(name, list(arguments)).params
    settings.load([text for text in parsed.get("overrides") or () if not is_open(text)])


def is_open(text: str) -> bool:
    """Return whether a part is left open."""
    return "…" in text or "section.key=" in text


def test_a_line_of_a_shell_is_split_into_commands_without_comments_and_variables():
    text = "make run INPUT='a b' # now\nA=1 B='x y' make x; pipeline status | head \\\n  -n 2 && env.tar.gz#env\n# no"
    expected = [["make", "run", "INPUT=a b"], ["make", "x"], ["pipeline", "status"], ["head", "-n", "2"]]
    assert list(split_commands(text)) == [*expected, ["env.tar.gz#env"]]


def test_the_pages_have_commands_of_every_program():
    found = {words[0] for page in PAGES for words in page.commands}
    assert {"make", "pipeline", "spark-submit", "airflow", "docker"} <= found
    known = {name.split()[0] for name in NOT_RUN} | {"make", "pipeline", "spark-submit"}
    assert found <= known, found - known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_make_command_has_a_target_and_values_that_its_command_accepts(page):
    allowed = read_targets().keys() | (FORMER if page.name == "CHANGELOG.md" else set())
    exported = re.search(r"^export (.*)$", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    for words in page.commands:
        if words[0] == "make":
            (target,) = (word for word in words[1:] if "=" not in word)
            assert target in allowed, words
            given = dict(word.split("=", 1) for word in words[1:] if word != target)
            arguments = translate_variables(target, given)
            assert given.keys() <= set(exported), (words, given)
            if target in COMMANDS:
                parse_with_typer(target, arguments)


def translate_variables(target: str, given: dict[str, str]) -> list[str]:
    """Return the options that the variables of make become, and remove these variables from `given`."""
    arguments = []
    for option in COMMANDS[target].params if target in COMMANDS else ():
        value = given.pop(find_variable(target, option.opts[0].removeprefix("--")), None)
        if value is not None and not is_open(value):
            arguments += option.opts if option.is_flag else [*option.opts, value]
    return arguments


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_command_of_the_program_can_be_parsed(page):
    for words in page.commands:
        if words[0] == "pipeline":
            parse_with_typer(words[1], words[2:])


SUBMITTED = [words for page in PAGES for words in page.commands if words[0] == "spark-submit"]


@pytest.mark.parametrize("words", SUBMITTED, ids=" ".join)
def test_each_submitted_job_exists_and_accepts_its_arguments(words, monkeypatch):
    """The job's own parser reads the arguments. tests/deployment/test_cluster.py checks the options of Spark itself."""
    scripts = [position for position, word in enumerate(words) if word.startswith("spark_jobs/")]
    parse, parsed = argparse.ArgumentParser.parse_args, []

    def parse_and_end(parser: argparse.ArgumentParser) -> None:
        parsed.append(parse(parser))
        raise SystemExit

    monkeypatch.setattr(command_line, "run_guarded", lambda name, action: action())
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_end)
    monkeypatch.setattr(sys, "argv", words[scripts[0] :])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / words[scripts[0]]), run_name="__main__")
    (arguments,) = parsed
    settings.load(arguments.set)


TOP = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("data", ".venv", ".git"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_file_of_the_project_that_a_command_names_exists(page):
    for words in page.commands:
        for word in words:
            if re.match(rf"(?:{TOP})/", word) and "…" not in word:
                assert (ROOT / word).exists(), words


def test_each_command_is_run_by_a_test_or_has_a_reason_why_not():
    not_run = {name.removeprefix("pipeline ") for name in NOT_RUN if name.startswith("pipeline ")}
    assert TESTED.keys() | not_run == COMMANDS.keys() and not TESTED.keys() & not_run
    assert {name.removeprefix("make ") for name in NOT_RUN if name.startswith("make ")} == ONLY_MAKE
    for name, (path, text) in TESTED.items():
        assert text in (ROOT / path).read_text(encoding="utf-8"), name
