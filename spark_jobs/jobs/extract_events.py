"""Land: read new and changed CSV files into raw_events, each record once.

Reads the raw folder; writes raw_events, landed_files, day_status.
Exit code 4: an hour of the range has not arrived yet.
"""

import sys
from argparse import ArgumentParser

from spark_jobs import command_line, flow, windows
from spark_jobs.context import Context, Summary
from spark_jobs.errors import NotArrivedError, SourceError
from spark_jobs.ingest.landing import land
from spark_jobs.inspection import reconciliation
from spark_jobs.sources.file_decisions import READS, Action, Decision
from spark_jobs.windows import HOUR, Window

JOB = flow.EXTRACT_EVENTS


def run(ctx: Context, hours: Window | None) -> Summary:
    """Land files, then check the hours of the range: each must have rows or be empty.

    `hours` None: check the hours that have landed, and expect no others. Raises NotArrivedError where an hour has not
    arrived yet, SourceError where nothing usable has landed.
    """
    decisions = land(ctx, rehash=bool(ctx.option("rehash")), again=bool(ctx.option("again")))
    for decision in decisions:
        if decision.sentence:
            ctx.say(("refused: " if decision.action is Action.REFUSED else "note: ") + decision.sentence)
    _refuse_if_nothing_is_left(ctx, decisions)
    missing = ctx.ledger.missing_hours(hours or landed_hours(ctx))
    ctx.ledger.refresh_days()
    if missing:
        raise NotArrivedError(
            f"not arrived yet: {windows.describe_windows(missing, HOUR)} (no rows, and nothing later has landed); "
            "run this again when the files are there.",
            summarize(ctx, decisions) | {"missing": windows.describe_windows(missing, HOUR)},
        )
    return summarize(ctx, decisions)


def landed_hours(ctx: Context) -> Window:
    """Return the window from the first to the last hour that landed. Raises SourceError where none did."""
    span = ctx.ledger.landed_span()
    if span is None and (first := ctx.ledger.first_hour()):
        raise SourceError(
            f"{ctx.settings.paths.raw}: every event is in the future, the first one at {windows.name(first, HOUR)}; "
            "check the clocks of the source and of this machine."
        )
    if span is None:
        raise SourceError(
            f"{ctx.settings.paths.raw}: no event with a usable time has landed; put .csv or .csv.gz files there, "
            "or give INPUT=file-or-folder."
        )
    return Window(span[0], span[1] + HOUR, HOUR)


def summarize(ctx: Context, decisions: list[Decision]) -> Summary:
    """Count what this run landed, and the hours and rows that are passed on to validation."""
    actions = [decision.action for decision in decisions]
    pending = ctx.ledger.states(lambda state: state.dirty)
    return {
        "files_landed": sum(action in READS for action in actions),
        "files_duplicate": actions.count(Action.DUPLICATE),
        "files_refused": actions.count(Action.REFUSED),
        "records_suppressed": reconciliation.reconcile_records(ctx)["suppressed"],
        "hours_handed_on": len(pending),
        "rows_handed_on": sum(state.landed_rows for state in pending),
    }


def _refuse_if_nothing_is_left(ctx: Context, decisions: list[Decision]) -> None:
    refused = [decision.sentence for decision in decisions if decision.action is Action.REFUSED]
    if refused and len(refused) == len(decisions) and not any(row["header"] for row in ctx.ledger.files()):
        raise SourceError(f"no file of {ctx.settings.paths.raw} could be read; {refused[0]}")


def _add_options(parser: ArgumentParser) -> None:
    rehash = "hash files again even if their size and modification time are unchanged"
    parser.add_argument("--rehash", action="store_true", help=rehash)
    parser.add_argument("--again", action="store_true", help="read files again that were parsed by older rules")


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__, _add_options))
