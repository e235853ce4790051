"""The owner of a database: one warehouse at a time, known by its id. The functions run statements on a cursor.

Claim, handover and release take the same advisory lock, so they run one after another. Emptying the database deletes
the leases first. Each transaction of a load locks the row of its lease, so emptying waits for running transactions,
and later transactions no longer have a lease.
"""

from dataclasses import dataclass
from typing import Any

from spark_jobs.errors import DatabaseError
from spark_jobs.postgres import schema
from spark_jobs.project import typed

ALONE = "SELECT pg_advisory_xact_lock(hashtext('pipeline.schema'))"
# A database of an older version has no owner row. It belongs to the warehouse with the latest attempt.
FIND = """
SELECT warehouse, path, released_at IS NOT NULL FROM pipeline.owner
UNION ALL (SELECT warehouse, NULL, false FROM pipeline.leases WHERE NOT EXISTS (SELECT FROM pipeline.owner)
    ORDER BY epoch DESC, warehouse LIMIT 1)
"""
SET = """
INSERT INTO pipeline.owner (warehouse, path, released_at) VALUES (%s, %s, CASE WHEN %s THEN now() END)
ON CONFLICT (singleton) DO UPDATE
    SET warehouse = excluded.warehouse, path = excluded.path, released_at = excluded.released_at
"""
END_WRITERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE %s AND pid <> pg_backend_pid()
"""
EMPTY = """
DELETE FROM pipeline.leases;
TRUNCATE user_events, items, pipeline.loaded_hours, pipeline.item_days, pipeline.catalog, pipeline.catalog_file
"""


@dataclass(frozen=True)
class Owner:
    """A warehouse: its id and its last known path (None: unknown). `released`: it no longer claims the database."""

    warehouse: str
    path: str | None = None
    released: bool = False

    def __str__(self) -> str:
        return f"{self.warehouse} ({self.path or 'path unknown'})"


def find(cursor: Any) -> Owner | None:
    """Return the warehouse that the database belongs to; None where no warehouse has claimed it yet."""
    cursor.execute(FIND)
    return Owner(*found) if (found := cursor.fetchone()) else None


def check(cursor: Any, asking: Owner) -> None:
    """Raise DatabaseError where the database belongs to another warehouse. A released database belongs to nobody."""
    owner = find(cursor)
    if owner and owner.warehouse != asking.warehouse and not owner.released:
        raise DatabaseError(
            f"PostgreSQL contains the events of another warehouse, {owner}; this one is {asking}. Run "
            f"{typed('handover')} to remove those events and use the database for this warehouse; or give "
            "this warehouse its own database "
            "(DATABASE_URL or paths.database)."
        )


def claim(cursor: Any, asking: Owner) -> Owner | None:
    """Make this warehouse the owner of the database, and update its path.

    Where another warehouse had released the database, remove its rows and return that warehouse; else return None.
    Raises DatabaseError where the database belongs to another warehouse.
    """
    cursor.execute(ALONE)
    check(cursor, asking)
    owner = find(cursor)
    before = owner if owner and owner.warehouse != asking.warehouse else None
    if before:
        _empty_database(cursor, before)
    _set_owner(cursor, asking)
    return before


def hand_over(cursor: Any, asking: Owner, expected: Owner | None) -> None:
    """Empty the database and make this warehouse its owner. Loads of the previous owner are ended.

    Raises DatabaseError where it no longer belongs to `expected`, the owner that a person agreed to remove.
    """
    cursor.execute(ALONE)
    if (owner := find(cursor)) != expected:
        raise DatabaseError(f"PostgreSQL's owner has just changed to {owner}; nothing was removed; run this again.")
    _empty_database(cursor, owner)
    _set_owner(cursor, asking)


def release(cursor: Any, warehouse: str) -> bool:
    """Mark the database as released if it belongs to this warehouse, and return whether it did. Its rows stay."""
    cursor.execute(ALONE)
    cursor.execute("SELECT to_regclass('pipeline.leases') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return False
    cursor.execute(schema.OWNER)
    owner = find(cursor)
    if owner is None or owner.warehouse != warehouse or owner.released:
        return False
    _set_owner(cursor, Owner(warehouse, owner.path, released=True))
    return True


def _set_owner(cursor: Any, owner: Owner) -> None:
    cursor.execute(SET, (owner.warehouse, owner.path, owner.released))


def _empty_database(cursor: Any, owner: Owner | None) -> None:
    if owner:
        cursor.execute(END_WRITERS, (f"pipeline {owner.warehouse} %",))
    cursor.execute(EMPTY)
    cursor.execute(schema.LEFT_OVER)
    if names := [row[0] for row in cursor.fetchall()]:
        cursor.execute(f"DROP TABLE {', '.join(names)}")
