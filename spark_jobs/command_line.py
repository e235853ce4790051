"""The common part of every job's command: arguments, session, lock, one JSON line at the end, exit codes."""

import argparse
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from spark_jobs import windows
from spark_jobs.context import Context, Summary, context
from spark_jobs.coordination import lease, lock
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.flow import Job, Writer
from spark_jobs.measured_run import run_measured
from spark_jobs.observability import metrics, outcome, run_log
from spark_jobs.observability.redaction import redact
from spark_jobs.project import PROJECT
from spark_jobs.runtime import environment, preflight
from spark_jobs.session import now, spark_session
from spark_jobs.settings import Settings, load
from spark_jobs.validation import great_expectations

INTERRUPTED = 130  # as shells report an interrupt
EXIT_CODES = (
    "exit codes: 0 done, 1 error, 2 wrong setting or argument, 3 hours or days stopped, 4 data has not arrived yet, "
    "5 another run is writing to the warehouse"
)


def run_job(job: Job, doc: str | None, add_options: Callable[[argparse.ArgumentParser], None] | None = None) -> int:
    """Run one job from the command line and return its exit code.

    `add_options` adds the job's own options to its parser. Prints one JSON line on success.
    """
    parser = create_parser(f"spark-submit spark_jobs/jobs/{job.name}.py", doc)
    period = "day" if job.window == windows.DAY else "hour"
    parser.add_argument(
        "--start", help=f"first {period}, UTC: 2019-10-01 or 2019-10-01T05; default: the last full {period}"
    )
    parser.add_argument("--end", help=f"the {period} after the last one; default: one {period} after --start")
    if add_options:
        add_options(parser)
    return run_guarded(job.name, lambda: _run_with_arguments(job, vars(parser.parse_args())))


def create_parser(prog: str, doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command, with the common parts: `--set`, and the exit codes below the help."""
    parser = argparse.ArgumentParser(prog=prog, description=doc, epilog=EXIT_CODES)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    return parser


def load_settings(overrides: Sequence[str]) -> Settings:
    """Load the settings of this run, and log in the format that they name."""
    settings = load(overrides)
    run_log.use_format(settings.logging.format)
    run_log.LOGGER.info("run begins", extra=run_log.facts(overrides=" ".join(overrides)))
    return settings


def _run_with_arguments(job: Job, arguments: dict[str, Any]) -> int:
    begun, name = time.monotonic(), job.name
    window = windows.parse(arguments.pop("start"), arguments.pop("end"), job.window, now())
    run_log.name_window(window)
    settings = load_settings(arguments.pop("set"))
    with track_failures(settings.paths.metrics, name):
        if job.uses_great_expectations:
            great_expectations.preload()
        spark = spark_session(name)
        spark.sparkContext.setLogLevel("WARN")
        with hold_leases(settings, spark, [job.writer], **arguments) as ctx:
            summary, usage = run_measured(ctx, job, window)
    metrics.record(settings.paths.metrics, name, summary, time.monotonic() - begun, usage)
    sys.stdout.write(publish_summary({"job": name, "window": str(window)} | summary) + "\n")
    return 0


@contextmanager
def track_failures(folder: str, name: str) -> Iterator[None]:
    """Record in the metrics how and when a job fails inside the block, and after how long.

    A success resets the count of failures. An interrupt counts as neither.
    """
    begun = time.monotonic()
    try:
        yield
    except Exception as error:
        kind = error.outcome if isinstance(error, PipelineError) else outcome.Outcome.ERROR
        metrics.record_failure(folder, name, kind, time.monotonic() - begun)
        raise
    metrics.end_failures(folder, name)


@contextmanager
def hold_leases(
    settings: Settings, spark: SparkSession, writers: Iterable[Writer], **options: Any
) -> Iterator[Context]:
    """Yield a context with the leases of these writers (`Context.write_as`), valid until the block ends.

    Raises BusyError where another run may hold one of them.
    """
    with ExitStack() as stack:
        holds = [stack.enter_context(lock.hold(settings.paths.warehouse, writer)) for writer in writers]
        ctx = context(settings, spark, **options)
        ctx.leases = lease.take_leases(ctx.storage, holds)
        yield ctx


def publish_summary(summary: Summary) -> str:
    """Return a summary as one line of JSON, which is also written to where a scheduler reads it (outcome.py)."""
    outcome.write(summary)
    return json.dumps(summary, default=str, ensure_ascii=False)


def run_guarded(name: str, action: Callable[[], int]) -> int:
    """Return the exit code of `action`, and log it. Every failure becomes one sentence on stderr (`_run_or_report`)."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _raise_interrupt)
    begun = time.monotonic()
    run_log.start(name, environment.find_log_folder(os.environ, PROJECT))
    code = _run_or_report(name, action)
    seconds = round(time.monotonic() - begun, 3)
    run_log.LOGGER.info("run ended", extra=run_log.facts(exit_code=code, seconds=seconds))
    return code


def _run_or_report(name: str, action: Callable[[], int]) -> int:
    """Return the exit code of `action`. Every failure becomes one sentence on stderr; details go to the log folder.

    An error that follows an interrupt is treated as part of it: the JVM ends too, so that cleaning up fails.
    """
    try:
        preflight.check()
        return action()
    except PipelineError as error:
        sys.stderr.write(f"{name}: {error}\n")
        is_missing = error.outcome is outcome.Outcome.MISSING  # a scheduler asks again; nothing has failed
        run_log.LOGGER.log(logging.WARNING if is_missing else logging.ERROR, str(error))
        outcome.write({"job": name} | error.summary | {"sentence": str(error)}, error.outcome, error.exit_code)
        return error.exit_code
    except SystemExit as error:  # from the parser, which has printed its message to stderr
        if error.code == SettingsError.exit_code:
            run_log.LOGGER.error("wrong arguments")
            outcome.write({"job": name, "sentence": "wrong arguments"}, outcome.Outcome.ERROR, error.code)
        raise
    except KeyboardInterrupt:
        return _report_interrupt(name)
    except Exception as error:  # the last resort: an unforeseen error is a defect, and its trace goes to a file
        if _follows_interrupt(error):
            return _report_interrupt(name)
        message = describe_error(error)
        sys.stderr.write(f"{name}: {message}\n")
        run_log.LOGGER.exception(message)
        outcome.write({"job": name, "sentence": message}, outcome.Outcome.ERROR, 1)
        return 1


def _report_interrupt(name: str) -> int:
    sys.stderr.write(
        f"{name}: interrupted; finished hours and days are committed, run the same command again to continue.\n"
    )
    run_log.LOGGER.warning("interrupted")
    for signum in (signal.SIGINT, signal.SIGTERM):  # a second signal would print a trace at the interpreter's end
        signal.signal(signum, lambda *_: os._exit(INTERRUPTED))
    return INTERRUPTED


def _follows_interrupt(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def describe_error(error: Exception) -> str:
    """Return the message about an error that no rule foresaw. The trace is written to a file in the log folder."""
    text = redact(str(error))
    if "No space left on device" in text:
        return "the disk is full; free some space and run this again: existing data is unharmed."
    logs = environment.find_log_folder(os.environ, PROJECT).resolve()
    if isinstance(error, Py4JNetworkError | ConnectionRefusedError):
        return f"Spark's JVM has ended (killed? out of memory? see {logs / 'jvm.log'}); run this again."
    path = logs / f"error-{now():%Y%m%dT%H%M%S}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(redact(traceback.format_exc()))
        where = f"details: {path}"
    except OSError as failure:
        where = f"details could not be written to {path} ({failure.strerror})"
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"unforeseen {type(error).__name__}: {first[:300]} ({where})"


def _raise_interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt
