"""The only module that creates a SparkSession. Settings that a cluster may change are in conf/spark-defaults.conf."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from spark_jobs.errors import PipelineError
from spark_jobs.project import PROJECT
from spark_jobs.runtime import environment, installation

# Settings that the rules need for correct results; speed and size are set in conf/spark-defaults.conf.
REQUIRED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Delta would refuse versions older than a week even if their files exist; storage.py checks the files.
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
}


def spark_session(name: str, **options: str) -> SparkSession:
    """Return the session of a job; `options` override conf/spark-defaults.conf (used by tests).

    From then on the process runs in UTC, so that a datetime without a zone means the same to Python and Spark. Raises
    PipelineError where the JVM does not start.
    """
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it logs traces of errors that it also raises
    logging.getLogger().addFilter(_is_not_of_py4j)
    if not _has_jvm():
        installation.complete_package()
        environment.prepare()
    set_utc()
    os.environ.setdefault("PIPELINE_LOGS", str(environment.find_log_folder(os.environ, PROJECT)))
    with _redirect_jvm_output(), _keep_interrupt_handler():
        try:
            SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list(options.items())))
            builder = SparkSession.builder.appName(name)
            for key, value in (REQUIRED | _choose_local_settings(options) | options).items():
                builder = builder.config(key, value)
            return builder.getOrCreate()
        except PySparkRuntimeError as error:
            if error.getCondition() != "JAVA_GATEWAY_EXITED":
                raise
            raise PipelineError(
                f"Spark's JVM did not start: {_explain_failed_start()} ({_locate_jvm_log()})"
            ) from error


def find_session() -> SparkSession | None:
    """Return a new session next to one that already runs in this process; None where there is none.

    The settings of the running session do not change. Raises PipelineError where it cannot read Delta tables.
    """
    if SparkContext._active_spark_context is None:
        return None
    spark = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    extension = REQUIRED["spark.sql.extensions"]
    if extension not in (spark.conf.get("spark.sql.extensions", None) or ""):
        raise PipelineError(
            f"this Spark session cannot read Delta tables: spark.sql.extensions does not name {extension}; start it "
            "with the settings in conf/spark-defaults.conf, or stop it so that a suitable session is started."
        )
    other = spark.newSession()
    for key, value in REQUIRED.items():
        if other.conf.isModifiable(key):
            other.conf.set(key, value)
    return other


def set_utc() -> None:
    """Set this process to UTC, so that a datetime without a zone means the same to Python as to Spark."""
    os.environ["TZ"] = "UTC"
    time.tzset()


@contextmanager
def preserve_process() -> Iterator[None]:
    """Restore the environment variables and the time zone of this process when the block ends.

    Processes started inside the block keep theirs.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        time.tzset()


def _has_jvm() -> bool:
    """Return whether this process has a JVM already: its own, or that of the spark-submit which started it."""
    return SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ


def _choose_local_settings(options: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for local mode; empty with a cluster.

    Python workers use this Python, and a path without a scheme is a local file, regardless of PYSPARK_PYTHON and
    HADOOP_CONF_DIR.
    """
    if not (options.get("spark.master") or SparkConf().get("spark.master", "local[*]")).startswith("local"):
        return {}
    if os.environ.get("PYSPARK_PYTHON", sys.executable) != sys.executable:
        environment.say_unused(["PYSPARK_PYTHON"])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return environment.LOCAL_FILES


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    """Return whether a record of the root logger is not from py4j, which logs traces of errors that it also raises."""
    return "py4j" not in Path(record.pathname).parts


def _locate_jvm_log() -> Path:
    return Path(os.environ["PIPELINE_LOGS"]) / "jvm.log"


def _explain_failed_start() -> str:
    """Return the last line of the JVM's log, and the variables from which the JVM got options."""
    log = _locate_jvm_log()
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    variables = " and ".join(name for name in environment.JAVA_OPTIONS if os.environ.get(name))
    return (lines[-1].strip() if lines else "it gave no reason") + (
        f"; it took options from {variables}" if variables else ""
    )


@contextmanager
def _keep_interrupt_handler() -> Iterator[None]:
    """Keep a command's own handler of SIGINT.

    PySpark's handler calls the JVM while the interrupted call still waits for its answer on the same connection. The
    interrupt is then lost in a py4j error. A notebook keeps PySpark's handler.
    """
    before = signal.getsignal(signal.SIGINT)
    yield
    if callable(before) and before is not signal.default_int_handler and signal.getsignal(signal.SIGINT) is not before:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _redirect_jvm_output() -> Iterator[None]:
    """Write the output of a JVM that this process starts to a file in the log folder: users never need it."""
    if _has_jvm():
        yield
        return
    _locate_jvm_log().parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    own_outputs = {number: os.dup(number) for number in (1, 2)}
    with _locate_jvm_log().open("ab") as log:
        for number in own_outputs:
            os.dup2(log.fileno(), number)
    try:
        yield
    finally:
        for number, copy in own_outputs.items():
            os.dup2(copy, number)
            os.close(copy)


def now() -> datetime:
    """Return the current time in UTC, naive, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)
