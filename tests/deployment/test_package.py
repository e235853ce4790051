"""The project as an installed package: what is in it, and a new user's way from pip to ten recommendations."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.pages import Page
from tests.project import ROOT

SHIPPED = {"conf": "spark_jobs/shipped/conf", "dags": "spark_jobs/shipped/dags"}
PACKAGES = {"spark_jobs": "spark_jobs", "expectations": "expectations"}
OWN = ("PIPELINE_", "PYTHON", "SPARK_", "PYSPARK_", "VIRTUAL_ENV", "DATABASE_URL")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the package; return its path."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Unpack the package into a folder like that of installed packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run_installed(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, where the package comes before this checkout."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    command = [sys.executable, "-P", "-X", "utf8", *arguments]
    return subprocess.run(
        command, cwd=folder, env=variables | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False
    )


def run_program(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program `pipeline` of the package in `folder`."""
    program = "from spark_jobs.cli import application, __main__; __main__.main()"
    return run_installed(installed, folder, "-c", program, *arguments)


def test_the_package_contains_the_code_and_the_files_that_it_reads_and_nothing_else(wheel):
    expected = {
        (f"{place}/{path.relative_to(ROOT / folder)}")
        for folder, place in (SHIPPED | PACKAGES).items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert found == expected


def test_the_package_needs_airflow_examples_and_test_programs_only_where_they_are_asked_for(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*(?:; extra == '(\w+)')?$", metadata, re.MULTILINE)
    by_purpose = {purpose: {name for name, extra in required if extra == purpose} for _, purpose in required}
    assert by_purpose.keys() == {"", "airflow", "examples", "dev"}
    assert "pyspark" in by_purpose[""] and "apache-airflow" in by_purpose["airflow"]
    assert {"pytest", "duckdb", "ruff"} <= by_purpose["dev"] and "implicit" in by_purpose["examples"]
    assert not by_purpose[""] & (by_purpose["airflow"] | by_purpose["examples"] | by_purpose["dev"])


def test_settings_and_data_of_a_package_are_below_the_current_folder(installed, tmp_path):
    shown = run_program(installed, tmp_path, "settings", "--format", "csv")
    assert shown.returncode == 0, shown.stderr
    default = installed / "spark_jobs" / "shipped" / "conf" / "settings.toml"
    assert f'paths.warehouse,"""{tmp_path}/data/warehouse""",{default}' in shown.stdout.splitlines()
    own = tmp_path / "conf" / "settings.toml"
    own.parent.mkdir()
    own.write_text(default.read_text().replace('warehouse = "data/warehouse"', 'warehouse = "tables"'))
    shown = run_program(installed, tmp_path, "settings", "--format", "csv")
    assert f'paths.warehouse,"""{tmp_path}/tables""",{own}' in shown.stdout.splitlines()


def test_a_package_generates_a_sample_and_refuses_what_needs_a_checkout(installed, tmp_path):
    made = run_program(installed, tmp_path, "sample", "--rows", "100", "--days", "1")
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "data" / "raw").glob("sample-*.csv"))) == 1
    refused = run_program(installed, tmp_path, "test")
    sentence = "test: test needs a checkout of the project; this is an installed package.\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", sentence)
    nothing = run_program(installed, tmp_path, "rebuild")
    assert nothing.stderr.startswith(
        "rebuild: DAY is missing: pipeline rebuild --day 2019-10-01; pipeline status lists"
    )


def test_the_dags_of_a_package_submit_the_jobs_of_the_package(installed, tmp_path):
    program = "import sys; sys.path.insert(0, sys.argv[1]); import pipeline_job; print(pipeline_job.JOBS)"
    found = run_installed(installed, tmp_path, "-c", program, str(installed / SHIPPED["dags"]))
    assert found.stdout.splitlines()[-1:] == [str(installed / "spark_jobs" / "jobs")], found.stderr


@pytest.mark.long
def test_the_tutorial_leads_from_an_empty_environment_to_ten_recommendations(tmp_path):
    """Every command of the tutorial in its order, in one shell. It needs the network, as a new user does."""
    (tmp_path / "pipeline").symlink_to(ROOT)
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.environ.get("PYTHON") or sys._base_executable)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    place = {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    commands = "".join(text for language, text in Page("docs/tutorial.md").blocks if language == "sh")
    command = ["bash", "-c", f"set -e\n{commands}"]
    result = subprocess.run(command, cwd=tmp_path, env=kept | place, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "checked: raw 60,000 = user_events 60,000 + rejected 0 + not yet committed 0" in result.stdout
    assert "split-2019-10-06" in result.stdout
    recommended = result.stdout.rpartition("\nfor user ")[2]
    assert re.findall(r"^(\d+) ", recommended, re.MULTILINE) == [str(place) for place in range(1, 11)]
