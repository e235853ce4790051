"""Run the whole pipeline in one session, on everything that has landed. `make run` calls it."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from spark_jobs import command_line
from spark_jobs.command_line import create_parser, load_settings, run_guarded
from spark_jobs.context import Context, Summary, context
from spark_jobs.coordination import lease, lock
from spark_jobs.errors import QualityError
from spark_jobs.flow import DAILY, EXTRACT_EVENTS, HOURLY, Job, Writer
from spark_jobs.jobs.extract_events import landed_hours
from spark_jobs.measured_run import run_measured
from spark_jobs.observability import metrics
from spark_jobs.observability.console import Console
from spark_jobs.postgres.database import check_address, start_ahead
from spark_jobs.report.run_summary import print_run_summary
from spark_jobs.runtime import compilation, environment
from spark_jobs.sample.feed import may_have_sample
from spark_jobs.session import spark_session
from spark_jobs.settings import Settings, make_absolute
from spark_jobs.sources.files import estimate_content
from spark_jobs.sources.listing import list_files
from spark_jobs.validation import great_expectations
from spark_jobs.windows import DAY, Window, floor


def submit() -> int:
    """Run as a submitted program: `spark-submit spark_jobs/pipeline.py --input …`."""
    options = create_parser("spark-submit spark_jobs/pipeline.py", __doc__)
    options.add_argument("--input", help="a CSV file or a folder of them; default: paths.raw")
    options.add_argument("--accept-rejects", metavar="REASON", help="admit hours with too many rejected rows")
    options.add_argument("--requeue", action="store_true", help="validate again everything with rejected rows")
    arguments = options.parse_args()
    return main(arguments.set, arguments.input, arguments.accept_rejects, arguments.requeue)


def main(
    overrides: Sequence[str], source: str | None = None, accept_rejects: str | None = None, requeue: bool = False
) -> int:
    """Generate a sample where there is no data, run every step, print the run summary; return the exit code.

    `source`: a CSV file or a folder of them; None: paths.raw. `accept_rejects`: the reason for which hours with too
    many rejected rows are admitted. `requeue`: validate again everything with rejected rows.
    """
    of_source = [f"paths.raw={_quote(make_absolute(source, 'INPUT', Path.cwd()))}"] if source else []
    settings = load_settings([*overrides, *of_source])
    check_address()
    console = Console()
    with ExitStack() as stack:
        holds = [stack.enter_context(lock.hold(settings.paths.warehouse, writer)) for writer in Writer]
        if not source:
            _generate_sample_if_empty(settings, console)
        files = list_files(settings.paths.raw).files  # a wrong address is reported before Spark starts
        content = sum(estimate_content(file.name, file.size) for file in files)
        environment.add_java_options(compilation.choose_for_content(content))
        great_expectations.preload()
        with console.step("start Spark"), ThreadPoolExecutor() as pool:
            pool.submit(start_ahead, settings.paths.database)
            spark = spark_session("pipeline")
        ctx = context(settings, spark, accept_rejects=accept_rejects, requeue=requeue)
        ctx.say = console.say
        ctx.leases = lease.take_leases(ctx.storage, holds)
        return run(ctx, console)


def run(ctx: Context, console: Console) -> int:
    """Run all steps in order; return the exit code. Hours and days that fail are skipped and reported."""
    summaries: dict[str, Summary] = {}
    seconds: dict[str, float] = {}
    stopped: list[str] = []

    def run_step(job: Job, window: Window | None) -> None:
        begun = time.monotonic()
        with console.step(job.name, ctx.spark):
            try:
                summaries[job.name] = _run_and_record(ctx, job, window)
            except QualityError as error:
                stopped.append(f"{job.name}: {error}")
        seconds[job.name] = time.monotonic() - begun

    hours = None  # everything that has landed; later steps get its hours
    for job in HOURLY:
        run_step(job, hours)
        hours = landed_hours(ctx) if job is EXTRACT_EVENTS else hours
    if hours is None or not ctx.ledger.day_inputs():
        console.say("no hour passed validation, so there is no day to build.")
    else:
        days = Window(floor(hours.start, DAY), floor(hours.end - hours.duration, DAY) + DAY, DAY)
        for job in DAILY:
            run_step(job, days)
    print_run_summary(ctx, console, summaries, seconds)
    _publish_results(ctx, console, summaries, seconds)
    for sentence in stopped:
        console.error(sentence)
    return QualityError.exit_code if stopped else 0


def _run_and_record(ctx: Context, job: Job, window: Window | None) -> Summary:
    """Run a step, record its metrics, and return its summary."""
    begun = time.monotonic()
    with command_line.track_failures(ctx.settings.paths.metrics, job.name):
        summary, usage = run_measured(ctx, job, window)
    metrics.record(ctx.settings.paths.metrics, job.name, summary, time.monotonic() - begun, usage)
    return summary


def _publish_results(ctx: Context, console: Console, summaries: dict[str, Summary], seconds: dict[str, float]) -> None:
    """Write one line of JSON, and the report page."""
    from spark_jobs.report import page  # its plotting library takes a second to import

    command_line.publish_summary({"job": "pipeline", "seconds": seconds, "steps": summaries})
    console.say(f"report of this run: {page.write(ctx, seconds)}")


def _generate_sample_if_empty(settings: Settings, console: Console) -> None:
    folder = Path(settings.paths.raw)
    if not may_have_sample(settings):
        return
    from spark_jobs.sample.generate import Span, generate

    folder.mkdir(parents=True, exist_ok=True)
    with console.step("generate a sample"):
        path = generate(Span(), folder, further=settings.events.added)[0]
    console.say(f"no data in {folder}: a sample was generated, {path.name}.")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    sys.exit(run_guarded("pipeline", submit))
