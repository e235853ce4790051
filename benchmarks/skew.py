"""A file in which one user has 5 % and one item 10 % of all rows, compared with the even file that it derives from."""

from pathlib import Path
from typing import Any

import duckdb
from rich.table import Table

from benchmarks import process
from benchmarks.process import run_pipeline
from benchmarks.table import build_ratio_table

BOT, BESTSELLER = 999_999_999, 99_999_999
UNEVEN = """
COPY (
    SELECT * REPLACE (
        CASE WHEN hash(user_session, event_time, product_id) % 20 = 0 THEN $bot ELSE user_id END AS user_id,
        CASE WHEN hash(event_time, user_session, product_id) % 10 = 1 THEN $item ELSE product_id END AS product_id)
    FROM read_csv($source, all_varchar = true, header = true)
) TO '{target}' (HEADER true)
"""


def measure(scratch: Path, path: Path) -> dict[str, Any]:
    """Run the pipeline on both files, each in its own folder; return both summaries."""
    found = {}
    for name in ("even", "uneven"):
        folder = process.create_folder(scratch)
        if name == "even":
            (folder / "raw").symlink_to(path.parent)
        else:
            (folder / "raw").mkdir()
            parameters = {"source": str(path), "bot": str(BOT), "item": str(BESTSELLER)}
            duckdb.execute(UNEVEN.format(target=folder / "raw" / "uneven.csv"), parameters)
        found[name] = run_pipeline(folder)
    return found


def build_table(found: dict[str, Any]) -> Table:
    """Build a table that compares each step on the uneven file with the same step on the even one."""
    uneven, even = (found[name]["seconds"] for name in ("uneven", "even"))
    lines = {step: (uneven[step], even[step]) for step in even}
    lines["all steps"] = (sum(uneven.values()), sum(even.values()))
    return build_ratio_table("one user 5 % and one item 10 % of all rows, seconds", "even", lines)
