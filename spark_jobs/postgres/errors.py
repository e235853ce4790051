"""PostgreSQL's errors, each translated into one sentence without the address."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from pyspark.errors.exceptions.captured import CapturedException

from spark_jobs.errors import DatabaseError
from spark_jobs.observability.redaction import redact

# An executor raises the translated error itself; its traceback ends with the sentence.
FROM_AN_EXECUTOR = re.compile(r"\bspark_jobs\.[\w.]+Error: (PostgreSQL .*)")


class UnreachableError(DatabaseError):
    """The connection failed or was lost. `reason` is the message of the server or the network."""

    def __init__(self, reason: str):
        super().__init__(
            f"PostgreSQL cannot be reached or refuses ({reason}); check DATABASE_URL and the server, then run this "
            "again: nothing is half loaded."
        )
        self.reason = reason


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors of the driver, here or on an executor, into one redacted sentence without the original error."""
    try:
        yield
    except psycopg2.Error as error:
        raise _to_database_error(type(error), str(error)) from None
    except CapturedException as error:
        if not (found := FROM_AN_EXECUTOR.search(str(error))):
            raise
        raise DatabaseError(redact(found[1])) from None


def _to_database_error(kind: type[Exception], text: str) -> DatabaseError:
    first = (text.strip().splitlines() or [kind.__name__])[0].removeprefix("connection to server ")
    if issubclass(kind, psycopg2.InterfaceError) or "closed the connection" in text:
        return UnreachableError("the connection was lost")  # rolling back then raises an InterfaceError
    if issubclass(kind, psycopg2.OperationalError):
        return UnreachableError(redact(first))
    return DatabaseError(f"PostgreSQL refused a statement ({redact(first)}); nothing is half loaded.")
