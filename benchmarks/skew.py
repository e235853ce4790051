"""A file where one user has 5 % of all rows and one item 10 %, beside the even one it was made from."""

from pathlib import Path
from typing import Any

import duckdb
from rich.table import Table

from benchmarks import process
from benchmarks.process import pipeline
from benchmarks.table import ratios

BOT, BESTSELLER = 999_999_999, 99_999_999
UNEVEN = """
COPY (
    SELECT * REPLACE (
        CASE WHEN hash(user_session, event_time, product_id) % 20 = 0 THEN $bot ELSE user_id END AS user_id,
        CASE WHEN hash(event_time, user_session, product_id) % 10 = 1 THEN $item ELSE product_id END AS product_id)
    FROM read_csv($source, all_varchar = true, header = true)
) TO '{target}' (HEADER true)
"""


def measured(scratch: Path, path: Path) -> dict[str, Any]:
    """The pipeline's summary of both files, each in a folder of its own."""
    found = {}
    for name in ("even", "uneven"):
        folder = process.folder(scratch)
        if name == "even":
            (folder / "raw").symlink_to(path.parent)
        else:
            (folder / "raw").mkdir()
            parameters = {"source": str(path), "bot": str(BOT), "item": str(BESTSELLER)}
            duckdb.execute(UNEVEN.format(target=folder / "raw" / "uneven.csv"), parameters)
        found[name] = pipeline(folder)
    return found


def told(found: dict[str, Any]) -> Table:
    """Each step on the uneven file beside the same on the even one."""
    uneven, even = (found[name]["seconds"] for name in ("uneven", "even"))
    lines = {step: (uneven[step], even[step]) for step in even}
    lines["all steps"] = (sum(uneven.values()), sum(even.values()))
    return ratios("one user 5 % and one item 10 % of all rows, seconds", "even", lines)
