"""Wait: check that each hour of the days is loaded or empty.

Exit code 4 while hours are missing. After `schedule.wait_hours` past midnight, it reports the incomplete days and
succeeds if at least one hour is loaded, so that the days are built from the hours that are there. Reads landed_files
and hour_status; writes day_status.
"""

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta

from spark_jobs import command_line, flow, windows
from spark_jobs.context import Context, Summary
from spark_jobs.errors import NotArrivedError
from spark_jobs.ledger.status import HOURS_A_DAY
from spark_jobs.ledger_rows import DayRow
from spark_jobs.session import now
from spark_jobs.windows import DAY, HOUR, Window

JOB = flow.WAIT_FOR_DATA_COLLECTION


def run(ctx: Context, days: Window) -> Summary:
    """Count complete and incomplete days.

    Raises NotArrivedError while hours are missing and the limit has not passed, and after it where no hour is loaded.
    """
    ctx.ledger.refresh_days()
    known = {windows.parse_day(row["day"]): row for row in ctx.ledger.days()}
    missing = _count_missing_hours(ctx, days, known)
    waiting = [day for day, hours in missing.items() if hours]
    limit = days.end + timedelta(hours=ctx.settings.schedule.wait_hours)
    if waiting and now() < limit:
        raise NotArrivedError(
            f"{_format_hours(missing)} missing of {windows.describe(waiting, DAY)}; "
            f"waiting for them until {limit:%Y-%m-%d %H:%M} UTC."
        )
    if waiting and not any(known[day]["hours_loaded"] for day in days.starts() if day in known):
        raise NotArrivedError(f"no hour of {windows.describe(waiting, DAY)} is loaded yet; there is nothing to build.")
    if waiting:
        ctx.say(
            f"incomplete: {_format_hours(missing)} missing of {windows.describe(waiting, DAY)}; continuing without."
        )
    return {"days_complete": len(missing) - len(waiting), "days_incomplete": len(waiting)}


def _count_missing_hours(ctx: Context, days: Window, known: Mapping[datetime, DayRow]) -> dict[datetime, int]:
    """Count the missing hours of each day. A day without any row has no missing hours if later data has landed."""
    absent = ctx.ledger.missing_hours(Window(days.start, days.end, HOUR))
    begin = min((window.start for window in absent), default=days.end)
    without_rows = {day: HOURS_A_DAY if day >= begin else 0 for day in days.starts() if day not in known}
    return without_rows | {day: known[day]["hours_missing"] for day in days.starts() if day in known}


def _format_hours(missing: Mapping[datetime, int]) -> str:
    count = sum(missing.values())
    return "1 hour is" if count == 1 else f"{count} hours are"


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
