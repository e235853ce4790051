"""One query of a person in the database, with its answer as plain values."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg2

from spark_jobs.errors import DatabaseError
from spark_jobs.postgres.connection import connect


def answer(url: str, query: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Run the query in a transaction of its own; return the names of the columns and the rows.

    Both are empty for a command without an answer. Raises DatabaseError where the query fails.
    """
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(query)
            connection.commit()
        except psycopg2.Error as error:
            raise DatabaseError(f"QUERY: {str(error).strip().splitlines()[0]}") from error
        return ([column.name for column in cursor.description], cursor.fetchall()) if cursor.description else ([], [])
