"""Follow each recipe of docs/contributing.md on a copy of the project, and check the result of a run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from spark_jobs.settings import ROOT
from tests.conftest import HEAD
from tests.process import command, environment

LARGEST = 10**12
LINE = "2019-10-01 0{hour}:00:00 UTC,view,{item},77,,,5,501,s\n"
TABLE = """

POPULAR_ITEMS = Table(
    "popular_items",
    "Items by the sum of their scores, as of the latest processed day.",
    (required(ITEM), Field("score", "DOUBLE", "Sum over all users.", False)),
    key=("item_id",),
)
"""
OUTPUT = """
    popular = cells.groupBy("item_id").agg(F.sum("score").alias("score"))
    outputs.append(Output(tables.POPULAR_ITEMS, popular, "popular"))
"""
JOB = """
COUNT_ITEMS = Job("count_items", Writer.FEATURES, DAY, reads=(tables.POPULAR_ITEMS,), uses_great_expectations=False)

HOURLY = """
JOB_FILE = '''"""Count items: report how many items have a score."""

import sys

from spark_jobs import command_line, flow, tables
from spark_jobs.context import Context, Summary
from spark_jobs.windows import Window

JOB = flow.COUNT_ITEMS


def run(ctx: Context, days: Window) -> Summary:
    """Count the rows of popular_items."""
    return {"items_with_a_score": ctx.read(tables.POPULAR_ITEMS).count()}


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
'''


@pytest.fixture
def project(tmp_path) -> Path:
    """Copy the project's code."""
    folder = tmp_path / "project"
    for name in ("spark_jobs", "expectations", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def change(path: Path, before: str, after: str) -> None:
    """Replace a piece of the file that occurs once."""
    text = path.read_text()
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after))


def add(path: Path, place: str, added: str) -> None:
    """Add text behind a piece of the file that occurs once."""
    change(path, place, place + added)


def add_a_row_rule(code: Path) -> None:
    reason = '    ITEM_ID_NOT_POSITIVE = "item_id_not_positive"\n'
    add(code / "transforms/reasons.py", reason, '    ITEM_ID_TOO_LARGE = "item_id_too_large"\n')
    rule = f'        Reason.ITEM_ID_TOO_LARGE: F.col("item_id") > {LARGEST},\n'
    add(code / "transforms/validate.py", '        **_build_id_rules("item_id"),\n', rule)
    change(code / "ledger/rule_versions.py", '"validation": 1', '"validation": 2')


def add_an_output_table(code: Path) -> None:
    declared = code / "tables/recommender.py"
    declared.write_text(declared.read_text() + TABLE)
    add(code / "tables/__init__.py", "from spark_jobs.tables.recommender import (\n", "    POPULAR_ITEMS,\n")
    add(code / "tables/__init__.py", "\nALL = (\n", "    POPULAR_ITEMS,\n")
    written = "writes=(tables.USER_INDEX, tables.ITEM_INDEX, tables.USER_ITEM_MATRIX"
    add(code / "flow.py", written, ", tables.POPULAR_ITEMS")
    scheme = code / "snapshots/user_item_matrix.py"
    add(scheme, "for index, name in indexes]", OUTPUT.rstrip())


def add_a_job(code: Path) -> None:
    change(code / "flow.py", "\nHOURLY = ", JOB)
    add(code / "flow.py", "DAILY = (REMOVE_DUPLICATES, HANDLE_MISSING_VALUES, CREATE_USER_ITEM_MATRIX", ", COUNT_ITEMS")
    (code / "jobs/count_items.py").write_text(JOB_FILE)


@pytest.mark.long
def test_the_recipes_add_a_row_rule_an_output_table_and_a_job(project, tmp_path):
    for recipe in (add_a_row_rule, add_an_output_table, add_a_job):
        recipe(project / "spark_jobs")
    (tmp_path / "raw").mkdir()
    items = [*range(1, 31), LARGEST + 1]
    lines = [LINE.format(hour=number % 3, item=item) for number, item in enumerate(items)]
    (tmp_path / "raw" / "a.csv").write_text(HEAD + "".join(lines))
    own = {
        "PIPELINE_HOME": str(project),
        "PYTHONPATH": str(project),
        "PIPELINE_SUMMARY": str(tmp_path / "summary.json"),
    }
    result = subprocess.run(
        command(tmp_path),
        env=environment(tmp_path) | own,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert json.loads((tmp_path / "summary.json").read_text())["steps"]["count_items"] == {"items_with_a_score": 30}
    assert "rejected by reason: item_id_too_large 1" in output
    assert "count_items" in output
