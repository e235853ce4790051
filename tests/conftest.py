"""One Spark session for all tests, and a pipeline with its own folder."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path

if "PIPELINE_POSTGRES" not in os.environ:  # root's databases are here if their own folder is private; read on import
    os.environ["PIPELINE_POSTGRES"] = tempfile.mkdtemp(prefix="pipeline-places-")
    Path(os.environ["PIPELINE_POSTGRES"]).chmod(0o755)
    atexit.register(shutil.rmtree, os.environ["PIPELINE_POSTGRES"], ignore_errors=True)

import pytest
from pyspark.sql import SparkSession

from spark_jobs.context import Context, context
from spark_jobs.errors import PipelineError
from spark_jobs.flow import DAILY
from spark_jobs.jobs import extract_events, load_to_database, validate_data_quality
from spark_jobs.runtime.compilation import FIRST_ONLY
from spark_jobs.sample.generate import Span, generate
from spark_jobs.session import spark_session
from spark_jobs.settings import load
from spark_jobs.windows import DAY, HOUR, Window
from tests.events import HEAD
from tests.unfenced import unfenced_context

CASES = Path(__file__).parent / "cases"
OCTOBER_1 = Window(datetime(2019, 10, 1), datetime(2019, 10, 2), HOUR)
DAY_1 = Window(datetime(2019, 10, 1), datetime(2019, 10, 2), DAY)

SLOWEST = ("torture", "tables", "collection", "rebuild", "queries", "matrix", "report", "commands")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first, so that two workers, which take whole files, end at about the same time."""
    places = {f"test_{name}": place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    os.environ.pop("DATABASE_URL", None)
    options = {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}
    options |= {
        "spark.driver.memory": "2g",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.codegen.wholeStage": "false",
    }
    options |= {"spark.sql.codegen.factoryMode": "NO_CODEGEN"}  # compiling takes longer than processing a few rows
    os.environ["SPARK_SUBMIT_OPTS"] = " ".join(FIRST_ONLY)  # compiling a second time takes longer too
    session = spark_session("tests", **options)
    del os.environ["SPARK_SUBMIT_OPTS"]
    yield session
    session.stop()


class Pipeline:
    """A raw folder, a warehouse and a database for one test, and the jobs that run on them."""

    def __init__(self, spark: SparkSession, folder: Path, database: str, *settings: str):
        self.folder, self.raw, self.messages = folder, folder / "raw", []
        self.raw.mkdir()
        path_settings = [
            f"paths.{name}='{folder / name}'"
            for name in ("raw", "warehouse", "quality", "processed", "reports", "metrics", "lineage", "logs")
        ]
        self.settings = load([*path_settings, f"paths.database='{database}'", *settings])
        self.spark = spark

    def ctx(self, **options) -> Context:
        ctx = context(self.settings, self.spark, **options)
        ctx.say = self.messages.append
        return unfenced_context(ctx)

    def put(self, name: str, text: str | bytes) -> Path:
        path = self.raw / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def copy_cases(self, *names: str) -> None:
        for name in names:
            shutil.copy(CASES / name, self.raw / name)

    def land(self, hours: Window | None = None) -> dict:
        return extract_events.run(self.ctx(), hours)

    def validate(self, hours: Window = OCTOBER_1, accept: str | None = None) -> dict:
        return validate_data_quality.run(self.ctx(accept_rejects=accept), hours)

    def load(self, hours: Window = OCTOBER_1) -> dict:
        return load_to_database.run(self.ctx(), hours)

    def run_daily(self, days: Window = DAY_1) -> list[dict]:
        return [import_module(job.module).run(self.ctx(), days) for job in DAILY]

    def read(self, table, *columns: str):
        frame = self.ctx().storage.read(table)
        return frame.select(*columns) if columns else frame

    def values(self, table, *columns: str) -> list[tuple]:
        return sorted(map(tuple, self.read(table, *columns).collect()), key=str)

    def expect_refusal(self, action: Callable) -> str:
        with pytest.raises(PipelineError) as caught:
            action()
        return str(caught.value)


@pytest.fixture(scope="session")
def database() -> str:
    """Return the folder of one embedded PostgreSQL for the whole run; tests that load data empty it first.

    It is not below pytest's own folder, because each start of pytest closes that folder to other users, such as the
    user of the server.
    """
    folder = tempfile.mkdtemp(prefix="pipeline-postgres-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # runs after the exit handler that stops the server
    return folder


@pytest.fixture(scope="session")
def seeded(spark, tmp_path_factory, database) -> Pipeline:
    """Return a pipeline for tests that only read: three days of seeded events, validated in two runs, preprocessed.

    A few of the events are bad.
    """
    pipeline = Pipeline(spark, tmp_path_factory.mktemp("seeded"), database)
    generate(Span(4_000, 72, datetime(2019, 10, 5)), pipeline.raw, seed=11)
    hours = Window(datetime(2019, 10, 5), datetime(2019, 10, 8), HOUR)
    pipeline.land()
    pipeline.validate(hours)
    late = ("05 12:00:00 UTC,VIEW,1001,77,,,1", "05 13:00:00 UTC,view,1001,77,,,-1", "06 12:00:00 UTC,VIEW,1001,77,,,2")
    lines = (f"2019-10-{text},501,s\n" for text in (*late, "06 13:00:00 UTC,view,1001,77,,,5"))
    pipeline.put("late.csv", HEAD + "".join(lines) + "2019-10-06,\n")
    pipeline.land()
    pipeline.validate(hours)
    pipeline.run_daily(Window(hours.start, hours.end, DAY))
    return pipeline


@pytest.fixture
def pipeline(spark, tmp_path, database) -> Pipeline:
    return Pipeline(spark, tmp_path, database)


@pytest.fixture
def postgres(database) -> Callable[[str], list[tuple]]:
    """Empty the database, and return a function that runs a query and returns its rows."""
    return empty_database(database)


def empty_database(database: str) -> Callable[[str], list[tuple]]:
    """Empty the database in this folder, and return a function that runs a query and returns its rows."""
    import psycopg2

    from spark_jobs.postgres.database import choose_address
    from spark_jobs.postgres.loader import PostgresLoader

    url = choose_address(database, "local")
    PostgresLoader(url).connection.close()

    def query(sql: str) -> list[tuple]:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    query(
        "TRUNCATE user_events, items, pipeline.loaded_hours, pipeline.item_days, pipeline.catalog, "
        "pipeline.catalog_file, pipeline.leases, pipeline.owner RESTART IDENTITY"
    )
    return query
