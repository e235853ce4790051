"""Release the database at DATABASE_URL before `make clean` removes its warehouse. Argument: its folder. No Spark."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import cast
from urllib.parse import unquote

import pyarrow.parquet as pq

from spark_jobs import tables
from spark_jobs.command_line import run_guarded
from spark_jobs.errors import DatabaseError, SettingsError
from spark_jobs.postgres import ownership
from spark_jobs.postgres.connection import connect
from spark_jobs.postgres.errors import translate_errors


def main() -> int:
    """Release the database where it belongs to the warehouse in this folder, and print the result."""
    url, name = os.environ.get("DATABASE_URL", "").strip(), warehouse_name(Path(sys.argv[1]))
    if not url or not name:
        return 0
    try:
        released = _release_database(url, name)
    except (DatabaseError, SettingsError) as error:
        raise DatabaseError(
            f"the database at DATABASE_URL still belongs to this warehouse, {name}. {error} Another warehouse cannot "
            "use the database until you run make handover for that warehouse."
        ) from error
    if released:
        sys.stdout.write(
            f"clean: the database at DATABASE_URL no longer belongs to this warehouse, {name}. Its rows stay until "
            "another warehouse uses it.\n"
        )
    return 0


def _release_database(url: str, name: str) -> bool:
    with translate_errors(), closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        return ownership.release(cursor, name)


def warehouse_name(folder: Path) -> str | None:
    """Return the id of the warehouse in this folder, from its table of leases; None where there are no leases."""
    leases = folder / tables.LEASES.name
    for commit in sorted((leases / "_delta_log").glob("*.json"), reverse=True):
        for line in commit.read_text(encoding="utf-8").splitlines():
            if added := json.loads(line).get("add"):
                rows = pq.read_table(leases / unquote(added["path"]), columns=["warehouse"])
                return cast("str | None", rows["warehouse"][0].as_py())
    return None


if __name__ == "__main__":
    sys.exit(run_guarded("clean", main))
