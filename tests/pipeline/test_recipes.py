"""Follow each recipe of docs/contributing.md on a copy of the project, and check the result of a run."""

import json
import shutil
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from deltalake import DeltaTable

from spark_jobs.postgres.database import start_embedded
from tests.events import HEAD, event_line
from tests.process import command, environment
from tests.project import ROOT

COLUMNS = """ADDED: tuple[SourceColumn, ...] = (
    SourceColumn("discount", PRICE, "Discount in the shop's currency. Null: not given.", served=True),
    SourceColumn("channel", "STRING", "Where the user came from. Null: not given.", length=20, served=True),
)
"""
REASONS = """    DISCOUNT_NOT_A_NUMBER = "discount_not_a_number"
    DISCOUNT_NEGATIVE = "discount_negative"
    DISCOUNT_TOO_LARGE = "discount_too_large"
"""
GIVEN_COLUMNS = ("item_id", "user_id", "discount", "channel")
GIVEN = (
    (11, 501, "2.50", "web"),
    (12, 501, "1.005", ""),
    (13, 501, "", " app"),
    (13, 501, "0.00", "app"),  # the same event as the one before, except for the discount: the smaller one comes first
    (14, 501, "x", "web"),
    (15, -5, "3.00", "web"),
)
OLDER = [(item, None, None) for item in range(1, 11)]
LATEST = [(11, Decimal("2.50"), "web"), (12, Decimal("1.01"), None), (13, Decimal("0.00"), "app")]
VALID = [*LATEST, (13, None, " app")]
LARGEST = 10**12
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


def add_two_source_columns(code: Path) -> None:
    change(code / "tables/source_columns.py", "ADDED: tuple[SourceColumn, ...] = ()\n", COLUMNS)
    add(code / "transforms/reasons.py", '    PRICE_TOO_LARGE = "price_too_large"\n', REASONS)
    add(code.parent / "conf/settings.toml", "brand = 0.25\n", "discount = 0.96\n")


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


def put(folder: Path, name: str, head: str, lines: list[str]) -> None:
    """Put a file into the raw folder."""
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw" / name).write_text(head + "".join(lines))


def run(project: Path, folder: Path) -> tuple[str, dict]:
    """Run the copied project on the raw folder; return what it printed, and the summaries of its steps."""
    own = {"PIPELINE_HOME": str(project), "PYTHONPATH": str(project), "PIPELINE_SUMMARY": str(folder / "summary.json")}
    result = subprocess.run(
        command(folder),
        env=environment(folder) | own,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    return output, json.loads((folder / "summary.json").read_text())["steps"]


def read(folder: Path, table: str, *columns: str) -> list[tuple]:
    """Return the rows of a Delta table, sorted."""
    rows = DeltaTable(folder / "warehouse" / table).to_pyarrow_table(columns=list(columns)).to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=str)


@pytest.mark.long
def test_the_recipe_adds_source_columns_to_an_existing_warehouse(project, tmp_path):
    put(tmp_path, "a.csv", HEAD, [event_line(time="00:00:00", item_id=item) for item in range(1, 11)])
    run(project, tmp_path)
    hours = ("unit", "raw_digest", "content_digest", "updated_at")
    before = read(tmp_path, "hour_status", *hours)
    add_two_source_columns(project / "spark_jobs")
    others = [(item, 501, "", "web" if item % 2 else "") for item in range(16, 70)]
    events = [dict(zip(GIVEN_COLUMNS, row, strict=True)) for row in (*GIVEN, *others)]
    lines = [event_line("discount", "channel", time="01:00:00", **event) for event in events]
    put(tmp_path, "b.csv", HEAD.strip() + ",discount,channel\n", lines)
    output, steps = run(project, tmp_path)

    assert "ignored" not in output
    assert steps["validate_data_quality"]["hours_committed"] == steps["load_to_database"]["hours_loaded"] == 1
    assert set(before) < set(read(tmp_path, "hour_status", *hours))
    with closing(psycopg2.connect(start_embedded(tmp_path / "database"))) as database, database.cursor() as cursor:
        cursor.execute("SELECT item_id, discount, channel FROM user_events WHERE item_id <= 15")
        assert sorted(cursor.fetchall(), key=str) == sorted(OLDER + VALID, key=str)
    for name, expected in {"user_events": VALID, "deduped_events": LATEST, "cleaned_events": LATEST}.items():
        rows = [row for row in read(tmp_path, name, "item_id", "discount", "channel") if row[0] <= 15]
        assert rows == sorted(OLDER + expected, key=str), name
        fields = {field.name: field.metadata for field in DeltaTable(tmp_path / "warehouse" / name).schema().fields}
        assert fields["channel"] == {"comment": "Where the user came from. Null: not given."}, name
    assert read(tmp_path, "rejected_events", "reasons", "raw_text") == [
        (["discount_not_a_number"], lines[4].strip()),
        (["user_id_not_positive"], lines[5].strip()),
    ]
    (warnings,) = (row[1] for row in read(tmp_path, "hour_status", "unit", "warnings") if row[0] == "2019-10-01T01")
    assert [text for text in warnings if "channel" in text or "discount" in text] == [
        "'channel missing in at most 10% of the rows' failed: 28 of 60 rows"
    ]


@pytest.mark.long
def test_the_recipes_add_a_row_rule_an_output_table_and_a_job(project, tmp_path):
    for recipe in (add_a_row_rule, add_an_output_table, add_a_job):
        recipe(project / "spark_jobs")
    items = [*range(1, 31), LARGEST + 1]
    lines = [event_line(time=f"0{number % 3}:00:00", item_id=item) for number, item in enumerate(items)]
    put(tmp_path, "a.csv", HEAD, lines)
    output, steps = run(project, tmp_path)
    assert steps["count_items"] == {"items_with_a_score": 30}
    assert "rejected by reason: item_id_too_large 1" in output
    assert "count_items" in output
