"""Validate: every row gets its reasons, every hour its verdict; good rows to user_events, bad ones to rejected_events.

Takes the hours of the range and every dirty one. Hours that fail stay as they were (exit code 3).
Reads raw_events; writes user_events, rejected_events, hour_status, day_status.
"""

import sys

from spark_jobs import command_line, flow
from spark_jobs.context import Context, Summary
from spark_jobs.errors import QualityError
from spark_jobs.inspection import reconciliation
from spark_jobs.ledger.status import Unit
from spark_jobs.observability.wording import name_first
from spark_jobs.validation.hours import commit_hours, judge_hours
from spark_jobs.windows import Window

JOB = flow.VALIDATE_DATA_QUALITY


def run(ctx: Context, hours: Window) -> Summary:
    """Judges what is dirty or was stopped within the range, commits what passes, proves the count.

    With the option `again`, every hour of the range and all undated rows: what a change of settings asks for. With
    `requeue`, whatever has rejected rows: those that are good by now leave rejected_events.
    """
    again, requeue = ctx.option("again"), ctx.option("requeue")
    units = ctx.ledger.units(
        lambda unit: (
            unit.dirty
            or (unit.within(hours) and (again or unit.status == "stopped"))
            or (again and unit.hour is None)
            or (requeue and unit.rejected_rows > 0)
        )
    )
    before = sum(unit.rejected_rows for unit in units)
    accepted = ctx.option("accept_rejects")
    judged = judge_hours(ctx, units, accepted)
    commit_hours(ctx, judged, accepted=accepted)
    counts = reconciliation.reconcile_events(ctx)
    ctx.ledger.refresh_days()
    for line in judged.warnings:
        ctx.say(f"warning: {line}")
    if judged.stopped:
        named = {"stopped": name_first([unit.unit for unit in judged.stopped])}
        raise QualityError(judged.sentence(accepted), judged.summary() | counts | named)
    if requeue:
        ctx.say(f"requeued: {before:,} rejected rows before, {_rejected(ctx, units):,} now.")
    return judged.summary() | counts


def _rejected(ctx: Context, units: list[Unit]) -> int:
    names = {unit.unit for unit in units}
    return sum(unit.rejected_rows for unit in ctx.ledger.units(lambda unit: unit.unit in names))


if __name__ == "__main__":
    flags = [
        ("accept-rejects=", "admit hours with too many rejected rows, and record this reason"),
        ("again", "judge what is already judged too, after a change of settings"),
        ("requeue", "judge again whatever has rejected rows, after their file or a rule was mended"),
    ]
    sys.exit(command_line.run_job(JOB, __doc__, flags))
