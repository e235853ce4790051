"""The files for contributors agree with the project: changelog, workflows, hooks and targets of make."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from spark_jobs import tables
from spark_jobs.cli.checkout import CHECKS, GENERATED
from spark_jobs.commands import doctor
from tests.project import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
RELEASE = re.compile(r"## (?P<version>\d+\.\d+\.\d+) - (?P<date>\d{4}-\d{2}-\d{2})")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}  # those of Keep a Changelog


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def read_yaml(path: Path) -> dict:
    """Return the file's content with every value as text: `on` stays a word, and 3.10 stays a version."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", read("Makefile"), re.MULTILINE))


def jobs_of(workflow: Path) -> dict[str, dict]:
    return read_yaml(workflow)["jobs"]


def commands_of(job: dict) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def versions_of(workflow: Path, job: str) -> tuple[set[str], set[str]]:
    """Return the versions of Python and of Java in the matrix of a job."""
    pairs = jobs_of(workflow)[job]["strategy"]["matrix"]["include"]
    return {pair["python"] for pair in pairs}, {pair["java"] for pair in pairs}


def supported() -> tuple[set[str], set[str]]:
    return set(doctor.PYTHONS), {str(version) for version in doctor.TESTED_JAVA}


def changelog() -> list[tuple[str, str]]:
    """Return heading and text of each version, the newest first."""
    first, *sections = re.split(r"^(?=## )", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert first.startswith("# Changelog\n")
    return [tuple(section.split("\n", 1)) for section in sections]


def test_the_changelog_lists_the_versions_from_the_newest_to_the_first():
    (unreleased, _), *released = changelog()
    assert unreleased == "## Unreleased"
    found = [RELEASE.fullmatch(heading) for heading, _ in released]
    assert all(found), [heading for heading, _ in released]
    numbers = [tuple(map(int, match["version"].split("."))) for match in found]
    assert all(newer > older for newer, older in pairwise(numbers)) and numbers[-1] == (0, 1, 0)
    assert all(newer["date"] >= older["date"] for newer, older in pairwise(found))


def test_the_newest_version_of_the_changelog_is_the_version_of_the_project():
    newest = next(match for heading, _ in changelog() if (match := RELEASE.fullmatch(heading)))
    assert newest["version"] == tomllib.loads(read("pyproject.toml"))["project"]["version"]


def test_each_version_says_what_users_get_and_names_each_layout_that_needs_an_upgrade():
    for heading, text in changelog():
        found = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
        assert found <= KINDS and (found or heading == "## Unreleased"), heading
    upgrades = [
        int(layout) for _, text in changelog() for layout in re.findall(r"`make upgrade` once \(layout (\d+)\)", text)
    ]
    assert upgrades == list(range(tables.LAYOUT, 1, -1))


def test_contributing_describes_every_folder_of_tests_and_every_size_of_a_test_run():
    text = read("CONTRIBUTING.md")
    folders = {path.parent.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert folders and not [folder for folder in folders if f"| `tests/{folder}/` |" not in text]
    sizes = {target for target in make_targets() if target.startswith("test")}
    assert not [target for target in sizes if f"| `make {target}` |" not in text]


def test_the_readme_says_that_no_license_is_chosen_as_long_as_there_is_none():
    has_license = any(path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")) for path in ROOT.iterdir())
    assert ("No license is chosen yet." in read("README.md")) is not has_license


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_command_of_a_workflow_is_a_target_of_make(workflow):
    for name, job in jobs_of(workflow).items():
        commands = commands_of(job)
        assert commands, name
        assert not [command for command in commands if command.removeprefix("make ") not in make_targets()], name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_each_job_has_a_time_limit(workflow):
    assert read_yaml(workflow)["permissions"] == {"contents": "read"}
    for name, job in jobs_of(workflow).items():
        assert "permissions" not in job and int(job["timeout-minutes"]) > 0, name


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.relative_to(GITHUB).as_posix())
def test_each_action_is_pinned_by_its_commit_or_is_our_own(path):
    used = re.findall(r"uses: *(\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        if action.startswith("./"):
            assert (ROOT / action / "action.yml").exists()
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v[\d.]+", comment), action


def test_every_job_uses_the_python_that_it_installs():
    """Without PYTHON, the set-up would take the first suitable Python on the machine."""
    for workflow in WORKFLOWS:
        for name, job in jobs_of(workflow).items():
            (installed,) = (step["with"] for step in job["steps"] if step.get("uses", "").endswith("/python-and-java"))
            assert job["env"]["PYTHON"] == f"python{installed['python']}", name


def test_each_push_is_checked_with_every_supported_version_and_each_night_with_the_oldest_and_the_newest():
    checks, nightly = (GITHUB / "workflows" / f"{name}.yml" for name in ("checks", "nightly"))
    assert read_yaml(checks)["on"].keys() == {"push", "pull_request"}
    assert {command for job in jobs_of(checks).values() for command in commands_of(job)} >= {
        "make check-code",
        "make test-quick",
        "make test",
    }
    assert versions_of(checks, "quick") == supported()
    assert read_yaml(nightly)["on"]["schedule"]
    assert "make test-all" in commands_of(jobs_of(nightly)["all"])
    assert versions_of(nightly, "all") == tuple(
        {pick(versions, key=lambda version: [*map(int, version.split("."))]) for pick in (min, max)}
        for versions in supported()
    )


def test_the_set_up_and_both_readmes_name_the_supported_versions():
    pythons, javas = supported()
    setup = read("tools/setup.sh")
    for name, versions in (("known", pythons), ("tested", javas)):
        (found,) = re.findall(rf'^{name}="([\d. ]+)"$', setup, re.MULTILINE)
        assert set(found.split()) == versions
    for page, sentence in (
        ("README.md", r"Python ([\d., or]+), and Java 17 or later \(tested with ([\d, and]+)\)"),
        ("README.ko.md", r"Python ([\d., 또는]+)과 Java 17 이상\(시험한 것: ([\d, ]+)\)"),
    ):
        (found,) = re.findall(sentence, read(page))
        assert tuple(set(re.findall(r"\d+(?:\.\d+)?", part)) for part in found) == (pythons, javas), page


def test_each_hook_runs_a_command_of_check_code_on_the_locked_programs():
    config = read_yaml(ROOT / ".pre-commit-config.yaml")
    commands = [".venv/bin/" + " ".join(arguments) for _, *arguments in CHECKS]
    commands.append(".venv/bin/python -E -X utf8 " + " ".join(GENERATED))
    (repository,) = config["repos"]
    assert repository["repo"] == "local" and repository["hooks"]
    for hook in repository["hooks"]:
        assert hook["language"] == "unsupported"
        argument = "" if hook.get("pass_filenames") == "false" else " ."
        assert hook["entry"] + argument in commands
