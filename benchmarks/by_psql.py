"""Time psql's COPY of all events into a new user_events with its indexes, then of one day again; print JSON."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from spark_jobs.commands import psql
from spark_jobs.postgres.database import start_embedded
from spark_jobs.postgres.schema import EVENTS, INDEXES, SCHEMA


def main(database: str, rows: str, day: str) -> int:
    """Start an embedded server in the folder `database`, copy both CSV files and print the seconds of each."""
    url = start_embedded(Path(database))
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA + INDEXES)
    seconds = {"seconds": _time_copy(url, rows), "day": _time_copy(url, day)}
    sys.stdout.write(json.dumps(seconds) + "\n")
    return 0


def _time_copy(url: str, rows: str) -> float:
    begun = time.monotonic()
    copy = f"\\copy user_events ({', '.join(EVENTS)}) FROM '{rows}' (FORMAT csv)"
    if code := psql.run(url, "--quiet", "--command", copy):
        raise SystemExit(code)
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3]))
