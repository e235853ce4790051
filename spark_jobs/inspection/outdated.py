"""What older rules produced, and the command that produces it again with the current rules."""

from collections.abc import Iterator

from spark_jobs import flow, windows
from spark_jobs.context import LedgerContext
from spark_jobs.ledger import rule_versions
from spark_jobs.ledger.known_files import is_parsed_by_older_rules
from spark_jobs.ledger.rule_versions import FIRST, VERSIONS
from spark_jobs.observability.wording import MOST_NAMED, name_first
from spark_jobs.project import SUBMIT
from spark_jobs.tables import FileStatus
from spark_jobs.windows import DAY, HOUR, Window

SNAPSHOTS = tuple(job.name for job in flow.SNAPSHOTS)


def describe_outdated(ctx: LedgerContext) -> Iterator[str]:
    """Yield one sentence for each kind; nothing where the current rules produced everything."""
    yield from _describe_outdated_files(ctx)
    yield from _describe_outdated_hours(ctx)
    yield from _describe_outdated_builds(ctx)


def _describe_outdated_files(ctx: LedgerContext) -> Iterator[str]:
    files = [row for row in ctx.ledger.files() if is_parsed_by_older_rules(row)]
    gone = [row["path"] for row in files if row["status"] == FileStatus.VANISHED]
    existing = [row for row in files if row["status"] != FileStatus.VANISHED]
    hours = [entry["hour"] for row in existing for entry in row["hours"] if entry["hour"]]
    if len(files) > len(gone):
        yield (
            f"parsed by older rules: {windows.describe(hours, HOUR) or 'undated rows'}; to land them again: "
            f"{SUBMIT}/extract_events.py --again, then the other jobs"
        )
    if gone:
        yield f"parsed by older rules, but the files are gone and cannot be landed again: {name_first(gone)}"


def _describe_outdated_hours(ctx: LedgerContext) -> Iterator[str]:
    old = [row["hour"] for row in ctx.ledger.hours() if (row["rule_version"] or FIRST) < VERSIONS["validation"]]
    hours = windows.ranges((hour for hour in old if hour), HOUR)
    for window in hours[:MOST_NAMED]:
        command = f"{SUBMIT}/validate_data_quality.py {_format_options(window)} --again"
        yield f"validated by older rules: {window}: {command}, then the other jobs"
    if len(hours) > MOST_NAMED:
        yield f"validated by older rules: {len(hours) - MOST_NAMED:,} more ranges of hours"
    if None in old:
        yield f"undated rows were validated by older rules: {SUBMIT}/validate_data_quality.py --again"


def _describe_outdated_builds(ctx: LedgerContext) -> Iterator[str]:
    for step in rule_versions.OF_STEP:
        builds = ctx.ledger.builds(step).items()
        old = [day for day, row in builds if rule_versions.is_outdated(step, row["rule_versions"])]
        if step in SNAPSHOTS:
            last = ctx.ledger.last_build(step)
            if last and rule_versions.is_outdated(step, last["rule_versions"]):
                yield f"built by older rules: {step} as of {last['day']}; to build it again: {SUBMIT}/{step}.py"
            continue
        days = windows.ranges(old, DAY)
        for window in days[:MOST_NAMED]:
            command = f"{SUBMIT}/{step}.py {_format_options(window)}"
            yield f"built by older rules: {window}: {command}, then the other daily jobs"
        if len(days) > MOST_NAMED:
            yield f"built by older rules: {step}: {len(days) - MOST_NAMED:,} more ranges of days"


def _format_options(window: Window) -> str:
    first, end = (windows.name(moment, window.duration) for moment in (window.start, window.end))
    return f"--start {first} --end {end}"
