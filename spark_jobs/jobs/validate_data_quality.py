"""Validate: check every row and every hour; good rows go to user_events, bad ones with reasons to rejected_events.

Validates every dirty hour, and the stopped hours of the range. Hours that fail stay as they were (exit code 3).
Reads raw_events; writes user_events, rejected_events, hour_status, day_status.
"""

import sys
from argparse import ArgumentParser

from spark_jobs import command_line, flow
from spark_jobs.context import Context, Summary
from spark_jobs.errors import QualityError
from spark_jobs.inspection import reconciliation
from spark_jobs.ledger.status import HourState
from spark_jobs.observability.wording import name_first
from spark_jobs.tables import HourStatus
from spark_jobs.validation.hours import commit_hours, judge_hours
from spark_jobs.windows import Window

JOB = flow.VALIDATE_DATA_QUALITY


def run(ctx: Context, hours: Window) -> Summary:
    """Validate what is dirty, or stopped within the range; commit what passes; prove the counts.

    Option `again`: also every hour of the range and all undated rows, after a change of settings. Option `requeue`:
    also everything with rejected rows; rows that are good now move out of rejected_events. Raises QualityError where
    hours are stopped, after the others are committed.
    """
    again, requeue = ctx.option("again"), ctx.option("requeue")
    states = ctx.ledger.states(
        lambda state: (
            state.dirty
            or (state.within(hours) and (again or state.status == HourStatus.STOPPED))
            or (again and state.hour is None)
            or (requeue and state.rejected_rows > 0)
        )
    )
    before = sum(state.rejected_rows for state in states)
    accepted = ctx.option("accept_rejects")
    judged = judge_hours(ctx, states, accepted)
    commit_hours(ctx, judged, accepted=accepted)
    counts = reconciliation.reconcile_events(ctx)
    ctx.ledger.refresh_days()
    for line in judged.warnings:
        ctx.say(f"warning: {line}")
    if judged.stopped:
        stopped = {"stopped": name_first([state.window_key for state in judged.stopped])}
        raise QualityError(judged.sentence(accepted), judged.summary() | counts | stopped)
    if requeue:
        ctx.say(f"requeued: {before:,} rejected rows before, {_count_rejected(ctx, states):,} now.")
    return judged.summary() | counts


def _count_rejected(ctx: Context, states: list[HourState]) -> int:
    names = {state.window_key for state in states}
    return sum(state.rejected_rows for state in ctx.ledger.states(lambda state: state.window_key in names))


def _add_options(parser: ArgumentParser) -> None:
    reason = "admit hours with too many rejected rows, and record this reason"
    parser.add_argument("--accept-rejects", metavar="REASON", help=reason)
    again = "also validate again what is already validated, after a change of settings"
    parser.add_argument("--again", action="store_true", help=again)
    requeue = "validate again everything with rejected rows, after a fix to their file or to a rule"
    parser.add_argument("--requeue", action="store_true", help=requeue)


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__, _add_options))
