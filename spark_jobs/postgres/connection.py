"""The only module that opens connections to PostgreSQL. It parses addresses and sets up every connection alike."""

import os
import re
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from spark_jobs.errors import DatabaseError, SettingsError
from spark_jobs.observability.redaction import hide, hide_password
from spark_jobs.postgres.errors import translate_errors
from spark_jobs.runtime.environment import say_unused

# SQLAlchemy adds its driver to the scheme.
SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
SECRETS = ("password", "sslpassword")
CONNECT_SECONDS = 10
UNREADABLE = (
    "DATABASE_URL cannot be read as a PostgreSQL address; write postgresql://user:password@host:5432/database; in user "
    "and password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F; after the database name use only options "
    "that psql knows."
)
# libpq would read these variables from the environment. They change what is stored and compared, or redirect the
# connection to another server. Options belong in the address.
FOREIGN = ("PGCLIENTENCODING", "PGDATESTYLE", "PGGEQO", "PGHOSTADDR", "PGOPTIONS", "PGSERVICE", "PGTZ")
# These settings override those of the role, the database and the address.
SESSION = (
    "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; "
    "SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed'; "
    "SET idle_in_transaction_session_timeout = 0"
)


def parse_address(address: str) -> dict[str, str]:
    """Parse an address into libpq's options: a URL (also SQLAlchemy's) or libpq's key=value form.

    Raises SettingsError where libpq cannot parse the address or splits it in the wrong place. The error quotes nothing
    of the address.
    """
    hide(address)
    text = address.strip()
    if scheme := SCHEME.match(text):
        text = f"postgresql://{text[scheme.end() :]}"
    try:
        found = parse_dsn(text)
    except (psycopg2.Error, ValueError):
        raise SettingsError(UNREADABLE) from None
    for name in SECRETS:
        hide_password(found.get(name, ""))
    if _is_split_wrongly(text, found):
        raise SettingsError(UNREADABLE)
    return found


def _is_split_wrongly(text: str, found: dict[str, str]) -> bool:
    """Return whether an unescaped @ or / of a password ended up in the host, the port or the database's name."""
    if not re.fullmatch(r"[0-9,\s]*", found.get("port", "")):
        return True
    values = [found.get("dbname", ""), found.get("host", "")]
    bare = (value for value in values if "@" in value and value in text and not value.startswith("/"))
    return "://" in text and any(bare)


def connect(address: str, name: str = "pipeline") -> Any:
    """Open a connection for the application `name`. Text is UTF-8 and times are UTC, regardless of the environment.

    Raises SettingsError where the address cannot be parsed, and UnreachableError where the connection fails. Neither
    shows a password.
    """
    foreign = _list_foreign_variables(address)
    for variable in foreign:
        os.environ.pop(variable, None)  # None: another thread may connect too, and have removed it
    say_unused(foreign)
    options: dict[str, Any] = {"connect_timeout": str(CONNECT_SECONDS)} | parse_address(address)
    with translate_errors():
        connection = psycopg2.connect(**options | {"application_name": name, "client_encoding": "UTF8"})
        connection.autocommit = True  # the settings then take one round trip
        with connection.cursor() as cursor:
            cursor.execute(SESSION)
        connection.autocommit = False
    return connection


def _list_foreign_variables(address: str) -> list[str]:
    """Return the environment variables that must not be used with this address.

    For any database other than that of DATABASE_URL (the embedded one), these are all PostgreSQL variables.
    """
    is_configured = address.strip() == os.environ.get("DATABASE_URL", "").strip()
    return [name for name in os.environ if name in FOREIGN or (name.startswith("PG") and not is_configured)]


def require_utf8(connection: Any) -> None:
    """Raise DatabaseError naming the database where its encoding is not UTF-8, because it cannot store every brand."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise DatabaseError(
            f"the database {name} has the encoding {encoding}, but the pipeline needs UTF8: nothing was loaded; create "
            "another database (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0) and name it in DATABASE_URL."
        )


def prepare_for_psql(address: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return what psql needs: the address without secrets, the environment, and the remaining secrets.

    The environment has the password and the same settings as `connect`. The remaining secrets are those for which
    libpq has no variable. Raises SettingsError where the address cannot be parsed.
    """
    found = parse_address(address)
    address_without_secrets = make_dsn(**{key: value for key, value in found.items() if key not in SECRETS})
    foreign = _list_foreign_variables(address)
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= {"PGCLIENTENCODING": "UTF8", "PGTZ": "UTC", "PGDATESTYLE": "ISO"}
    if "password" in found:
        environment["PGPASSWORD"] = found["password"]
    return address_without_secrets, environment, {key: found[key] for key in SECRETS[1:] if key in found}
