"""Where PostgreSQL is: at DATABASE_URL, or an embedded server in the data folder.

The embedded one listens on a socket file only and ends with the last process that uses it. No address and no password
is ever logged.
"""

import os
from pathlib import Path

from spark_jobs.context import Context
from spark_jobs.coordination import lease
from spark_jobs.errors import DatabaseError
from spark_jobs.flow import Writer
from spark_jobs.postgres.connection import parse_address
from spark_jobs.postgres.embedded import data_folder, start_server
from spark_jobs.postgres.loader import PostgresLoader
from spark_jobs.postgres.ownership import Owner


def open_database(ctx: Context) -> PostgresLoader:
    """Open the database, under the lease of the run where it has one.

    Raises DatabaseError where it cannot be reached or belongs to another warehouse.
    """
    held = ctx.leases.get(Writer.COLLECTION)
    name = held.warehouse if held else lease.warehouse_name(ctx.storage)
    owner = Owner(name, ctx.settings.paths.warehouse) if name else None
    loader = PostgresLoader(address(ctx.settings.paths.database, ctx.spark.sparkContext.master), held, owner)
    if loader.removed:
        ctx.say(
            f"PostgreSQL was released by the warehouse {loader.removed}: its rows are removed, and the database "
            "belongs to this warehouse now."
        )
    return loader


def check_address() -> None:
    """Raise SettingsError where DATABASE_URL is set and cannot be read."""
    if url := os.environ.get("DATABASE_URL", "").strip():
        parse_address(url)


def address(database_folder: str, master: str) -> str:
    """The connection string. Raises SettingsError where DATABASE_URL cannot be read, DatabaseError on a cluster
    without it, or where the embedded server fails."""
    if url := os.environ.get("DATABASE_URL", "").strip():
        parse_address(url)
        return url
    if not master.startswith("local"):
        raise DatabaseError(
            f"the embedded database serves one machine only, and Spark runs on {master}: set DATABASE_URL to the "
            "address of a PostgreSQL that all executors reach."
        )
    return embedded(Path(database_folder))


def embedded(folder: Path) -> str:
    """Start the embedded server of this folder, or join it; its address. Raises DatabaseError where it cannot start."""
    try:
        return start_server(folder).get_uri()
    except DatabaseError:
        raise
    except Exception as error:  # the package raises whatever its commands do
        raise DatabaseError(
            f"the embedded database in {folder} does not start ({type(error).__name__}); see "
            f"{data_folder(folder) / 'log'}, or set DATABASE_URL to a server of your own."
        ) from error
