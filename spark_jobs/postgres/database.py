"""The location of PostgreSQL: DATABASE_URL, or an embedded server in the data folder.

The embedded server listens on a socket file only and stops with the last process that uses it. Addresses and passwords
are never logged.
"""

import os
from contextlib import suppress
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
    """Open the database, with the lease of the run where it has one.

    Raises DatabaseError where the database cannot be reached or belongs to another warehouse.
    """
    collection_lease = ctx.leases.get(Writer.COLLECTION)
    name = collection_lease.warehouse if collection_lease else lease.warehouse_name(ctx.storage)
    owner = Owner(name, ctx.settings.paths.warehouse) if name else None
    loader = PostgresLoader(
        choose_address(ctx.settings.paths.database, ctx.spark.sparkContext.master), collection_lease, owner
    )
    if loader.removed:
        ctx.say(
            f"PostgreSQL was released by the warehouse {loader.removed}: its rows were removed, and the database now "
            "belongs to this warehouse."
        )
    return loader


def check_address() -> None:
    """Raise SettingsError where DATABASE_URL is set but cannot be parsed."""
    if url := os.environ.get("DATABASE_URL", "").strip():
        parse_address(url)


def choose_address(database_folder: str, master: str | None) -> str:
    """Return the connection string: DATABASE_URL, or that of the embedded server.

    Raises SettingsError where DATABASE_URL cannot be parsed, DatabaseError where it is not set on a cluster or the
    embedded server fails.
    """
    if url := os.environ.get("DATABASE_URL", "").strip():
        parse_address(url)
        return url
    if not (master or "").startswith("local"):
        raise DatabaseError(
            f"the embedded database serves one machine only, but Spark runs on {master}: set DATABASE_URL to the "
            "address of a PostgreSQL server that all executors can reach."
        )
    return start_embedded(Path(database_folder))


def start_ahead(database_folder: str) -> None:
    """Start the embedded server, if DATABASE_URL names no other, so that a later load does not wait for it.

    A failure is ignored here: the load tries again and reports it.
    """
    with suppress(DatabaseError):
        choose_address(database_folder, "local")


def start_embedded(folder: Path) -> str:
    """Start the embedded server of this folder, or join the running one, and return its address.

    Raises DatabaseError where it cannot start.
    """
    try:
        return str(start_server(folder).get_uri())
    except DatabaseError:
        raise
    except Exception as error:  # the package passes on any error of its commands
        raise DatabaseError(
            f"the embedded database in {folder} does not start ({type(error).__name__}); see "
            f"{data_folder(folder) / 'log'}, or set DATABASE_URL to your own server."
        ) from error
