"""`make status`: show the hours and days that are loaded, empty, stopped, dirty or incomplete, and how to fix them."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from spark_jobs import tables, windows
from spark_jobs.command_line import load_settings
from spark_jobs.context import LedgerContext
from spark_jobs.erasure.suppressed_users import count_unfinished
from spark_jobs.inspection.ledger_reader import read_ledger
from spark_jobs.inspection.outdated import describe_outdated
from spark_jobs.observability.console import Console
from spark_jobs.postgres.embedded import find_separate_folder
from spark_jobs.project import SUBMIT, typed
from spark_jobs.tables import FileStatus, HourStatus
from spark_jobs.windows import DAY, HOUR


def main(overrides: Sequence[str] = ()) -> int:
    """Read the ledger and print it; change nothing."""
    settings = load_settings(overrides)
    console = Console()
    show(read_ledger(settings, "status", console.say), console)
    if place := find_separate_folder(Path(settings.paths.database)):
        console.say(f"the embedded database is in {place}: its server cannot access {settings.paths.database}.")
    return 0


def show(ctx: LedgerContext, console: Console) -> None:
    """Print one line for each day, then what must be fixed or awaited."""
    if not ctx.storage.exists(tables.LANDED_FILES):
        console.say(f"nothing has landed yet: {typed('run')}, or put files into the raw folder.")
        return
    table = Table(title="days", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("day", "loaded", "empty", "stopped", "missing", "complete", "built", "dirty"):
        table.add_column(name, justify="right" if name in ("loaded", "empty", "stopped", "missing") else "left")
    before = None
    for row in ctx.ledger.days():
        if before is not None and (gap := windows.describe_gap(before, row["day"])):
            table.add_row(gap, style="dim")
        before = row["day"]
        counts = (str(row[name]) for name in ("hours_loaded", "hours_empty", "hours_stopped", "hours_missing"))
        flags = ("yes" if row[name] else "no" for name in ("complete", "built", "dirty"))
        table.add_row(str(row["day"]), *counts, *flags)
    console.out.print(table)
    lines = list_fixes(ctx) or ["everything that landed is loaded and built."]
    if count := count_unfinished(ctx):
        lines.append(
            f"not erased from all tables yet: {count:,} users; run {typed('forget', user='…')} again for each of them"
        )
    for line in [*lines, *list_waiting(ctx), *describe_outdated(ctx)]:
        console.say(line)


def list_fixes(ctx: LedgerContext) -> list[str]:
    """List what is wrong, each problem with the command that fixes it."""
    lines = []
    for row in (row for row in ctx.ledger.files() if row["status"] == FileStatus.REFUSED):
        lines.append(f"refused file: {row['sentence']} Fix the file, then run {SUBMIT}/extract_events.py")
    states = ctx.ledger.states(lambda state: state.dirty or state.status in (HourStatus.STOPPED, HourStatus.COMMITTED))
    stopped = [state for state in states if state.status == HourStatus.STOPPED and not state.dirty]
    for state in stopped[:5]:
        command = f"{SUBMIT}/validate_data_quality.py --start {state.window_key} --accept-rejects 'why'"
        lines.append(f"stopped: {state.window_key}; see {ctx.settings.paths.quality}; fix the source, or run {command}")
    if len(stopped) > 5:
        lines.append(f"stopped: {len(stopped) - 5} more hours.")
    dirty = [state.hour for state in states if state.dirty and state.hour]
    if dirty:
        lines.append(
            f"dirty: {windows.describe(dirty, HOUR)}; run {SUBMIT}/validate_data_quality.py, then load_to_database.py"
        )
    waiting = [
        state.hour for state in states if state.status == HourStatus.COMMITTED and not state.dirty and state.hour
    ]
    if waiting:
        lines.append(f"not in PostgreSQL yet: {windows.describe(waiting, HOUR)}; run {SUBMIT}/load_to_database.py")
    inputs = ctx.ledger.day_inputs()
    days = [(windows.parse_day(row["day"]), row) for row in ctx.ledger.days()]
    unbuilt = [day for day, row in days if row["dirty"] or (day in inputs and not row["built"])]
    for window in windows.ranges(unbuilt, DAY)[:5]:
        lines.append(
            f"not built: {window}; run {SUBMIT}/remove_duplicates.py {_format_options(window)}, then the other daily "
            "jobs"
        )
    return lines


def list_waiting(ctx: LedgerContext) -> list[str]:
    """List the days with hours that have not arrived, and what to do when their files arrive."""
    days = [windows.parse_day(row["day"]) for row in ctx.ledger.days() if row["hours_missing"]]
    return [
        f"incomplete: {window}: hours are missing; when their files arrive, use {typed('run')}, or run "
        f"{SUBMIT}/extract_events.py {_format_options(window)}, then the other jobs"
        for window in windows.ranges(days, DAY)[:5]
    ]


def _format_options(window: windows.Window) -> str:
    return f"--start {window.start:%Y-%m-%d} --end {window.end:%Y-%m-%d}"
