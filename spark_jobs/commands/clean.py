"""`make clean`: remove what the pipeline has created. clean.sh does it, because it also works without the packages.

As a program, it releases the database at DATABASE_URL before clean.sh removes its warehouse; the argument is the
warehouse's folder.
"""

import json
import os
import subprocess
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
from spark_jobs.project import PROJECT, typed


def main() -> int:
    """Remove it; ask first, except with YES=1."""
    program = Path(__file__).with_suffix(".sh")
    return subprocess.run(["bash", program, PROJECT.home, sys.executable], check=False).returncode


def release_database(warehouse: Path) -> int:
    """Release the database where it belongs to the warehouse in this folder, and print the result."""
    url, name = os.environ.get("DATABASE_URL", "").strip(), warehouse_name(warehouse)
    if not url or not name:
        return 0
    try:
        released = _release(url, name)
    except (DatabaseError, SettingsError) as error:
        raise DatabaseError(
            f"the database at DATABASE_URL still belongs to this warehouse, {name}. {error} Another warehouse cannot "
            f"use the database until you run {typed('handover')} for that warehouse."
        ) from error
    if released:
        sys.stdout.write(
            f"clean: the database at DATABASE_URL no longer belongs to this warehouse, {name}. Its rows stay until "
            "another warehouse uses it.\n"
        )
    return 0


def _release(url: str, name: str) -> bool:
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
    sys.exit(run_guarded("clean", lambda: release_database(Path(sys.argv[1]))))
