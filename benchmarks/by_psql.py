"""psql's own COPY of events into a new user_events, its indexes in place, then of a day's again; prints JSON."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from spark_jobs.commands import psql
from spark_jobs.postgres.database import embedded
from spark_jobs.postgres.schema import EVENTS, INDEXES, SCHEMA


def main(database: str, rows: str, day: str) -> int:
    """Makes an embedded server in the folder `database`, copies both CSV files; prints the seconds of each."""
    url = embedded(Path(database))
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA + INDEXES)
    seconds = {"seconds": _copied(url, rows), "day": _copied(url, day)}
    sys.stdout.write(json.dumps(seconds) + "\n")
    return 0


def _copied(url: str, rows: str) -> float:
    begun = time.monotonic()
    copy = f"\\copy user_events ({', '.join(EVENTS)}) FROM '{rows}' (FORMAT csv)"
    if code := psql.run(url, "--quiet", "--command", copy):
        raise SystemExit(code)
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3]))
