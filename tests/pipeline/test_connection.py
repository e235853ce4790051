"""PostgreSQL connections: parsing of addresses, isolation from the environment, and redaction of passwords."""

import os
import subprocess
import sys
import traceback
from contextlib import closing
from datetime import date
from urllib.parse import quote

import psycopg2
import pytest

from spark_jobs.command_line import describe_error
from spark_jobs.commands import psql
from spark_jobs.errors import DatabaseError, SettingsError
from spark_jobs.observability.redaction import hide, redact
from spark_jobs.postgres.connection import connect, parse_address, prepare_for_psql
from spark_jobs.postgres.database import choose_address
from spark_jobs.postgres.errors import translate_errors
from spark_jobs.postgres.loader import PostgresLoader
from tests.project import ROOT
from tests.unit.commands.test_doctor import run_doctor

PASSWORD = "s3cr3t-pw"
NOWHERE = f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop"
UNREADABLE = [
    f"postgresql://shop:{PASSWORD}100%@127.0.0.1:1/shop",
    f"postgresql://shop:%zz{PASSWORD}@127.0.0.1:1/shop",
    f"postgresql://shop:{PASSWORD}%00@127.0.0.1:1/shop",
    f"postgresql://shop:{PASSWORD}%ff@127.0.0.1:1/shop",
    f"postgresql://shop:x@{PASSWORD}@127.0.0.1:1/shop",
    f"postgresql://shop:1?@{PASSWORD}@127.0.0.1:1/shop",
    f"postgresql://shop:{PASSWORD}/x@127.0.0.1:1/shop",
    f"postgresql://shop:1/{PASSWORD}@127.0.0.1:1/shop",
    f"postgresql://shop:{PASSWORD}@[::1:1/shop",
    f"postgresql://shop:{PASSWORD}@127.0.0.1:port/shop",
    f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop?charset=utf8",
    f"mysql://shop:{PASSWORD}@127.0.0.1:1/shop",
    f"shop:{PASSWORD}@127.0.0.1:1/shop",
    f"host=127.0.0.1 port=1 password='{PASSWORD}",
    f"host=127.0.0.1 port=1 password=my {PASSWORD} user=shop",
    f"host=127.0.0.1 passwd={PASSWORD}",
    PASSWORD,
]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg", "POSTGRES"])
def test_an_address_with_a_scheme_of_sqlalchemy_is_accepted_too(scheme):
    found = parse_address(f" {scheme}://shop:p%40ss%3Aw%2Frd%20%231%25@db:5433/shop?sslmode=require\n")
    assert found == {
        "user": "shop",
        "password": "p@ss:w/rd #1%",
        "host": "db",
        "port": "5433",
        "dbname": "shop",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///shop?host=/tmp/a@b&user=me@work",
        "postgresql://shop:p#s?x@db/shop",
        "postgresql://a:1,b:2/shop%40home",
        "host=/run/x user=me@work dbname=a@b password='it''s'".replace("''", "\\'"),
    ],
)
def test_an_unusual_address_is_parsed_as_libpq_parses_it(url):
    assert parse_address(url) == psycopg2.extensions.parse_dsn(url)


@pytest.mark.parametrize("url", UNREADABLE)
def test_the_error_for_an_unreadable_address_quotes_no_part_of_it(url):
    with pytest.raises(SettingsError) as caught:
        connect(url)
    assert "DATABASE_URL" in str(caught.value) and "% as %25" in str(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in text and "127.0.0.1" not in str(caught.value)


def test_doctor_and_psql_refuse_an_unreadable_address_without_quoting_it(tmp_path):
    message = run_doctor(DATABASE_URL=UNREADABLE[0])[1]["database"]
    assert message.startswith("MISSING DATABASE_URL cannot be read") and PASSWORD not in message
    assert PASSWORD not in run_doctor(DATABASE_URL=NOWHERE)[1]["database"]
    for url, code, expected in ((UNREADABLE[0], 2, "psql: DATABASE_URL cannot be read"), (NOWHERE, 2, "refused")):
        module = [sys.executable, "-m", "spark_jobs.cli", "psql", "--query", "SELECT 1"]
        variables = os.environ | {"DATABASE_URL": url, "PIPELINE_LOGS": str(tmp_path)}
        result = subprocess.run(module, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == code and expected in result.stderr
        assert PASSWORD not in result.stdout + result.stderr
    (log,) = tmp_path.iterdir()  # no trace of an error
    assert log.name == "pipeline.log" and PASSWORD not in log.read_text()


def test_an_error_on_an_executor_contains_no_password(spark, database):
    with PostgresLoader(choose_address(database, "local")) as loader:
        loader.url = NOWHERE
        frame = spark.createDataFrame([(date(2019, 10, 1), 1)], "event_date DATE, item_id BIGINT")
        with pytest.raises(DatabaseError, match=r"PostgreSQL cannot be reached .*refused") as caught:
            loader.copy(frame, "staging_items", ["item_id"])
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value.__context__), "what Spark writes to its log"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "password", ["s3cr3t-pw", "p@ss:w/rd #1%", 'it\'s "q" \\ b', "%", "$(x)`y`", "ab", "café 삼성"]
)
def test_a_password_is_redacted_in_every_spelling(monkeypatch, password):
    encoded = quote(password, safe="")
    url = f"postgresql://shop:{encoded}@db/shop"
    monkeypatch.setenv("DATABASE_URL", url)
    pair = "password='" + password.replace("\\", "\\\\").replace("'", "\\'") + "'"
    texts = [
        f'invalid percent-encoded token: "{encoded}"',
        f"refused <{password}> again",
        f"{password!r} and {url}",
        f"could not connect (host=db {pair} user=shop)",
    ]
    for text in texts:
        assert password not in redact(text).replace("% ", "") and f"'{encoded}'" not in redact(text), text
        assert encoded not in redact(text) and "***" in redact(text)
    assert (
        redact("nothing to hide, postgresql://shop is no address") == "nothing to hide, postgresql://shop is no address"
    )


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg2://shop:other pw@db/shop",
        "postgres://shop:o@ther/pw@db",
        "postgresql://other pw@db/shop",
        "redis://:other@db",
        "host=db password=other user=shop",
        "host=db password='other \\'pw' user=shop",
        "host=db password=oth\\ er user=shop",
        "postgresql://db/shop?user=shop&password=other",
        "{'user': 'shop', 'password': 'other', 'host': 'db'}",
    ],
)
def test_the_password_in_an_unknown_address_is_redacted_too(monkeypatch, text):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert not {"oth", "pw", "er"} & {word.strip("'\\@/:") for word in redact(text).replace("user", "").split()}
    assert "other" not in redact(text) and "o@ther" not in redact(text)


def test_the_traceback_of_an_unexpected_error_is_redacted(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_LOGS", str(tmp_path))
    hide(f"postgresql+nothing://shop:{PASSWORD}@db/%")
    try:
        raise ValueError(f"{'x' * 290} token {PASSWORD} of postgresql://a:b{PASSWORD}@h")
    except ValueError as error:
        message = describe_error(error)
    (trace,) = tmp_path.iterdir()
    assert "ValueError" in trace.read_text()
    assert "s3cr" not in message + trace.read_text()


def test_an_error_of_the_driver_is_redacted_and_does_not_chain_the_original():
    with pytest.raises(DatabaseError) as caught, translate_errors():
        raise psycopg2.ProgrammingError(f'invalid dsn: missing "=" after "postgresql+x://u:{PASSWORD}@h/db" in it')
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


SESSION_SETTINGS = {
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "transaction_isolation": "read committed",
    "search_path": '"$user", public',
    "lock_timeout": "2000",
}


def test_foreign_environment_variables_and_role_settings_do_not_change_a_connection(database, postgres, monkeypatch):
    foreign_variables = {"PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "German, DMY", "PGTZ": "No/Where", "PGGEQO": "x"}
    foreign_variables |= {
        "PGOPTIONS": "-c search_path=nowhere -c standard_conforming_strings=off",
        "PGHOSTADDR": "192.0.2.1",
    }
    foreign_variables |= {"PGSERVICE": "nobody", "PGUSER": "nobody", "PGDATABASE": "elsewhere"}
    url = choose_address(database, "local")
    postgres("ALTER ROLE postgres SET TimeZone = 'Asia/Seoul'; ALTER ROLE postgres SET DateStyle = 'SQL, DMY'")
    postgres("ALTER ROLE postgres SET client_encoding = 'LATIN1'")
    postgres("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'")
    try:
        with monkeypatch.context() as patched:
            for name, value in foreign_variables.items():
                patched.setenv(name, value)
            connection = connect(f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D2s")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT name, setting || coalesce(nullif(unit, 'ms'), '') FROM pg_settings")
            assert {name: value for name, value in cursor if name in SESSION_SETTINGS} == SESSION_SETTINGS
            cursor.execute("SELECT octet_length('café'), timestamptz '2019-10-01 00:00+00'::text")
            assert cursor.fetchone() == (5, "2019-10-01 00:00:00+00")
    finally:
        postgres("ALTER ROLE postgres RESET ALL")


def test_an_executor_uses_utf8_even_if_its_environment_sets_another_encoding(spark, database, postgres):
    """Set the variable only in the Python workers of this session."""
    from pyspark.sql import functions as F

    def report_encoding(batches):
        import pyarrow as pa

        os.environ["PGCLIENTENCODING"] = "LATIN1"
        for batch in batches:
            with closing(connect(batch["url"][0].as_py())) as connection:
                yield pa.RecordBatch.from_pydict({"encoding": [connection.encoding]})

    frame = spark.range(1).select(F.lit(choose_address(database, "local")).alias("url"))
    assert [row.encoding for row in frame.mapInArrow(report_encoding, "encoding STRING").collect()] == ["UTF8"]


def test_a_database_with_another_encoding_is_refused_before_anything_is_created_in_it(database, postgres):
    url = choose_address(database, "local")
    with closing(psycopg2.connect(url)) as admin:
        admin.autocommit = True
        admin.cursor().execute("DROP DATABASE IF EXISTS old_shop")
        admin.cursor().execute("CREATE DATABASE old_shop ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    other = psycopg2.extensions.make_dsn(url, dbname="old_shop")
    with pytest.raises(DatabaseError, match="the database old_shop has the encoding LATIN1"):
        PostgresLoader(other)
    assert "old_shop has the encoding LATIN1" in run_doctor(DATABASE_URL=other)[1]["database"]
    with closing(psycopg2.connect(other)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
        assert cursor.fetchone() == (0,)


def test_psql_gets_every_option_and_no_password_on_its_command_line(monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    options = (
        "sslrootcert=/a%20b&target_session_attrs=any&connect_timeout=7&options=-c%20lock_timeout%3D2s&sslpassword=key"
    )
    dsn, environment, secrets = prepare_for_psql(
        f"postgresql+psycopg2://shop:{PASSWORD}@db:5433/shop?sslmode=require&{options}"
    )
    assert psycopg2.extensions.parse_dsn(dsn) == {
        **{"user": "shop", "host": "db", "port": "5433", "dbname": "shop", "sslmode": "require", "sslrootcert": "/a b"},
        **{"target_session_attrs": "any", "connect_timeout": "7", "options": "-c lock_timeout=2s"},
    }
    assert environment["PGPASSWORD"] == PASSWORD and "PGOPTIONS" not in environment
    assert secrets == {"sslpassword": "key"}


def test_psql_uses_the_options_of_the_address(database, postgres, capfd):
    url = choose_address(database, "local")
    options = "options=-c%20lock_timeout%3D2s&application_name=shopper&sslnegotiation=postgres&sslpassword=key"
    query = "SELECT current_setting('lock_timeout'), current_setting('application_name'), current_setting('TimeZone')"
    assert psql.run(f"{url}{'&' if '?' in url else '?'}{options}", "-At", "--command", query) == 0
    assert capfd.readouterr().out == "2s|shopper|UTC\n"
