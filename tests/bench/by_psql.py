"""psql's own COPY of events into a new user_events, its indexes in place; prints the seconds as a line of JSON."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from spark_jobs.commands import psql
from spark_jobs.postgres.database import embedded
from spark_jobs.postgres.schema import EVENTS, INDEXES, SCHEMA


def main(database: str, rows: str) -> int:
    """Makes an embedded server in the folder `database`, copies the CSV file `rows`; psql's exit code."""
    url = embedded(Path(database))
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA + INDEXES)
    begun = time.monotonic()
    code = psql.run(url, "--quiet", "--command", f"\\copy user_events ({', '.join(EVENTS)}) FROM '{rows}' (FORMAT csv)")
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - begun}) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
