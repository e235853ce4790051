"""PostgreSQL's errors as one sentence, without the address."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from pyspark.errors import PythonException

from spark_jobs.errors import DatabaseError


@contextmanager
def named() -> Iterator[None]:
    """Turns the driver's errors, and those of executors that COPY, into one sentence without the address."""
    try:
        yield
    except psycopg2.Error as error:
        raise _sentence(type(error), str(error)) from error
    except PythonException as error:
        if not (found := re.search(r"psycopg2\.(?:errors\.)?(\w+): ?(.*)", str(error))):
            raise
        kind = getattr(psycopg2, found[1], None) or getattr(psycopg2.errors, found[1], psycopg2.Error)
        raise _sentence(kind, found[2]) from error


def _sentence(kind: type[Exception], text: str) -> DatabaseError:
    reason = (text.strip().splitlines() or [kind.__name__])[0].removeprefix("connection to server ")
    lost = issubclass(kind, psycopg2.InterfaceError) or "closed the connection" in text
    if lost:  # an InterfaceError is what undoing a transaction says whose connection is gone
        reason = "the connection was lost"
    if lost or issubclass(kind, psycopg2.OperationalError):
        return DatabaseError(
            f"PostgreSQL cannot be reached or refuses ({reason}); check DATABASE_URL and the server, then run this "
            "again: nothing is half loaded."
        )
    return DatabaseError(f"PostgreSQL refused a statement ({reason}); nothing is half loaded.")
