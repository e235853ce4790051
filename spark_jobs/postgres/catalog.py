"""`items.csv` in PostgreSQL: the shop's own data about its items.

The functions run statements on a cursor. The caller opens and ends the transaction (see loader.py).
"""

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg2

from spark_jobs.errors import SourceError
from spark_jobs.postgres.schema import ORPHANS, RECOMPUTE_ITEMS

COLUMNS = ("item_id", "name", "category", "brand", "price", "description", "image_url")
LONGEST = {"name": 200, "category": 50, "brand": 100, "image_url": 500}
HIGHEST_PRICE = "99999999.99"
# Each row with its problem; null where the row is valid. `replace` reports the first one. The values in `described` are
# trimmed, and blank values are null.
JUDGE = """
SELECT line, CASE
    WHEN item_id IS NULL THEN 'item_id is missing'
    WHEN item_id !~ '^[0-9]{{1,19}}$' THEN 'item_id ' || left(item_id, 40) || ' is not a positive whole number'
    WHEN item_id::numeric NOT BETWEEN 1 AND 9223372036854775807 THEN 'item_id ' || item_id || ' is not within 64 bits'
    WHEN price !~ '^[0-9]+(\\.[0-9]+)?$' THEN 'price ' || left(price, 40) || ' must be a number, 0 or greater'
    WHEN round(price::numeric, 2) > {highest} THEN 'price ' || left(price, 40) || ' is above {highest}'
    {lengths}
    WHEN repeated > 1 THEN 'item_id ' || item_id || ' occurs ' || repeated || ' times'
END AS problem
FROM (SELECT *, count(*) OVER (PARTITION BY ltrim(item_id, '0')) AS repeated FROM described) AS counted
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
    names = parse_header(header)
    _copy_file(cursor, body, names)
    _create_table(cursor, names)
    lengths = [f"WHEN length({n}) > {most} THEN '{n} has more than {most} characters'" for n, most in LONGEST.items()]
    judge = JUDGE.format(highest=HIGHEST_PRICE, lengths=" ".join(lengths))
    cursor.execute(f"SELECT line, problem FROM ({judge}) AS judged WHERE problem IS NOT NULL ORDER BY line LIMIT 1")
    if found := cursor.fetchone():
        raise SourceError("row {:,}: {}; fix it: no row of the file was loaded.".format(*found))
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pipeline.items'))")
    cursor.execute(
        "CREATE TEMP TABLE touched ON COMMIT DROP AS "
        "SELECT item_id, false AS says_category, false AS says_brand FROM ("
        "SELECT item_id FROM pipeline.catalog UNION SELECT item_id::bigint FROM described) AS named"
    )
    cursor.execute("DELETE FROM pipeline.catalog")
    listed = ", ".join(COLUMNS)
    cursor.execute(
        f"INSERT INTO pipeline.catalog ({listed}) SELECT item_id::bigint, name, category, brand, "
        "round(price::numeric, 2), description, image_url FROM described"
    )
    rows: int = cursor.rowcount
    cursor.execute(RECOMPUTE_ITEMS)
    cursor.execute(ORPHANS)
    cursor.execute("DELETE FROM pipeline.catalog_file")
    cursor.execute("INSERT INTO pipeline.catalog_file (digest) VALUES (%s)", (content,))
    return rows


def _copy_file(cursor: Any, body: io.BufferedIOBase, names: Sequence[str]) -> None:
    """Copy the file into the temporary table `given`, as text, in columns named by their position."""
    columns_by_place = ", ".join(f"c{place}" for place in range(len(names)))
    typed = ", ".join(f"c{place} TEXT" for place in range(len(names)))
    cursor.execute(f"CREATE TEMP TABLE given (line BIGINT GENERATED ALWAYS AS IDENTITY, {typed}) ON COMMIT DROP")
    try:
        cursor.copy_expert(f"COPY given ({columns_by_place}) FROM STDIN (FORMAT csv)", body)
    except psycopg2.DataError as error:
        message = (error.diag.message_primary or "").strip()
        place = (error.diag.context or "").removeprefix("COPY given, ").partition(":")[0].partition(",")[0]
        raise SourceError(f"{place} after the header: {message}; fix it: no row of the file was loaded.") from error


def _create_table(cursor: Any, names: Sequence[str]) -> None:
    """Create the temporary table `described`: the known columns by name, null where the file does not have them."""
    places = {name: f"nullif(btrim(c{place}), '')" for place, name in enumerate(names)}
    expressions = ", ".join(f"{places.get(name, 'NULL::text')} AS {name}" for name in COLUMNS)
    cursor.execute(f"CREATE TEMP TABLE described ON COMMIT DROP AS SELECT line, {expressions} FROM given")
