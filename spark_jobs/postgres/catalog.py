"""`items.csv` in PostgreSQL: the shop's own data about its items.

The functions run statements on a cursor. The caller opens and ends the transaction (see loader.py).
"""

import io
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg2

from spark_jobs.errors import SourceError
from spark_jobs.postgres.schema import ORPHANS, RECOMPUTE_ITEMS

COLUMNS = ("item_id", "name", "category", "brand", "price", "description", "image_url")
NUMBERS = ("item_id", "price")
LONGEST_MESSAGE = 200
# PostgreSQL's types and constraints decide whether the file is valid. COPY then names the first invalid line. Its
# message contains the names of the table and of the constraint, so these are written for the person who reads it.
TABLE = """
CREATE TEMP TABLE "items.csv" (
    LIKE pipeline.catalog,
    CONSTRAINT "item_id occurs once" PRIMARY KEY (item_id),
    CONSTRAINT "item_id is greater than 0" CHECK (item_id > 0),
    CONSTRAINT "price is 0 or greater" CHECK (price >= 0 AND price < 'NaN')
    {unknown}) ON COMMIT DROP
"""


def digest(cursor: Any) -> str | None:
    """Return the digest of the file that was loaded last; None where no file has been loaded."""
    cursor.execute("SELECT digest FROM pipeline.catalog_file")
    return found[0] if (found := cursor.fetchone()) else None


def parse_header(header: Sequence[str]) -> list[str]:
    """Return the header's names, stripped.

    Raises SourceError where item_id is missing or a known column occurs twice.
    """
    names = [name.strip() for name in header]
    if "item_id" not in names:
        raise SourceError(f"the required column item_id is missing from the header; known: {', '.join(COLUMNS)}.")
    if twice := [name for name, count in Counter(names).items() if count > 1 and name in COLUMNS]:
        raise SourceError(f"the header names the column {twice[0]} twice; name it once.")
    return names


def replace(cursor: Any, body: io.BufferedIOBase, header: Sequence[str], content: str) -> int:
    """Replace the previous file with this one, recompute the items that either contains, and return its row count.

    `body` begins after the header, `content` is the file's digest. Raises SourceError naming the first invalid row;
    the caller must then end the transaction without a commit.
    """
    _copy_file(cursor, body, parse_header(header))
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.items'))")
    cursor.execute(
        "CREATE TEMP TABLE touched ON COMMIT DROP AS "
        "SELECT item_id, false AS says_category, false AS says_brand FROM ("
        'SELECT item_id FROM pipeline.catalog UNION SELECT item_id FROM "items.csv") AS named'
    )
    cursor.execute("DELETE FROM pipeline.catalog")
    values = ", ".join(name if name in NUMBERS else f"nullif(btrim({name}), '')" for name in COLUMNS)
    cursor.execute(f'INSERT INTO pipeline.catalog ({", ".join(COLUMNS)}) SELECT {values} FROM "items.csv"')
    rows: int = cursor.rowcount
    cursor.execute(RECOMPUTE_ITEMS)
    cursor.execute(ORPHANS)
    cursor.execute("DELETE FROM pipeline.catalog_file")
    cursor.execute("INSERT INTO pipeline.catalog_file (digest) VALUES (%s)", (content,))
    return rows


def _copy_file(cursor: Any, body: io.BufferedIOBase, names: Sequence[str]) -> None:
    """Copy the file into the temporary table `items.csv`. Its unknown columns get names of their own."""
    columns = [name if name in COLUMNS else f"unknown_{place}" for place, name in enumerate(names)]
    unknown = "".join(f", {name} TEXT" for name in columns if name not in COLUMNS)
    listed = ", ".join(columns)
    cursor.execute(TABLE.format(unknown=unknown))
    try:
        cursor.copy_expert(f'COPY "items.csv" ({listed}) FROM STDIN (FORMAT csv, FORCE_NULL ({listed}))', body)
    except (psycopg2.DataError, psycopg2.IntegrityError) as error:
        message = textwrap.shorten(error.diag.message_primary or "", LONGEST_MESSAGE)
        place = (error.diag.context or "").removeprefix("COPY items.csv, ").partition(":")[0]
        raise SourceError(f"after the header, {place}: {message}; fix it: no row of the file was loaded.") from error
