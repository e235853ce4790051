"""Build planning: which days are stale, and what a snapshot is built from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame

from spark_jobs import windows
from spark_jobs.context import Context
from spark_jobs.delta.predicates import in_days
from spark_jobs.errors import PipelineError
from spark_jobs.flow import LAST_DAY_STEP
from spark_jobs.ledger.rule_versions import build_digest, list_marks, versions_of
from spark_jobs.ledger.status import NO_DAY, fingerprint
from spark_jobs.ledger_rows import BuildRow
from spark_jobs.settings import Settings
from spark_jobs.tables import BuildStatus, Table
from spark_jobs.windows import DAY, Window

FIRST_RATED = ("rating",)


@dataclass(frozen=True)
class DayPlan:
    """The days that a step has to build, with the digest of each day's input, and the versions that it reads."""

    step: str
    days: list[datetime]
    digests: Mapping[datetime, str]
    sources: Mapping[datetime, str]
    old: Mapping[datetime, BuildRow]
    reads: Mapping[str, int] = field(default_factory=dict)


def versions_to_read(ctx: Context, *read: Table) -> dict[str, int]:
    """Return the version of each of these tables that the ledger names: a build reads it, and records it as read."""
    return {table.name: ctx.ledger.version(table) for table in read}


def day_settings(settings: Settings) -> tuple[Any, ...]:
    """Return the settings that the builds of a day depend on.

    The rated types are left out where they are what they were before they could be set, so that earlier builds stay
    valid.
    """
    rated = settings.events.rated
    return (settings.duplicates.exempt_types, *((rated,) if rated != FIRST_RATED else ()))


def find_stale_days(
    ctx: Context, step: str, window: Window, inputs: Mapping[datetime, tuple[str, str]], *settings: Any
) -> DayPlan:
    """Plan the days whose content or settings differ from those of their last build.

    Candidates are the days of the window, and all days that were built before, inside it or not. `inputs` gives two
    digests for each day: that of the step's input, and that of the user_events content behind it. A day that was
    stopped, or that older rules built, is built again only inside the window.
    """
    old = ctx.ledger.builds(step)

    def digest(day: datetime, versions: Mapping[str, int] | None = None) -> str:
        return build_digest(step, inputs.get(day, (NO_DAY,))[0], settings, versions)

    def is_stale(day: datetime) -> bool:
        inside = window.start <= day < window.end
        if day not in old:
            return inside
        if inside:
            return old[day]["input_digest"] != new_digests[day] or old[day]["status"] == BuildStatus.STOPPED
        return old[day]["input_digest"] != digest(day, old[day]["rule_versions"] or {})

    new_digests = {day: digest(day) for day in set(inputs) | set(old)}
    days = sorted(day for day in new_digests if is_stale(day))
    return DayPlan(step, days, new_digests, {day: inputs.get(day, (NO_DAY, NO_DAY))[1] for day in new_digests}, old)


@dataclass(frozen=True)
class BuildPlan:
    """What matrix and features are built from: the latest processed day, and a digest of all days and settings.

    `added`: the days that are new since the last snapshot, if nothing else changed and they are fewer than the days
    before; otherwise None, and the snapshot is built from scratch. `before`: the versions of the tables that the last
    snapshot wrote. `events`: the number of rows in cleaned_events over all days.
    """

    step: str
    as_of: datetime
    digest: str
    settings: str
    days: Mapping[datetime, str]
    unchanged: bool
    added: list[datetime] | None
    before: Mapping[str, int]
    reads: Mapping[str, int]
    events: int

    def days_to_add(self, ctx: Context, *tables: Table) -> list[datetime] | None:
        """Return `added` if the rows that the last snapshot wrote into these tables can still be read.

        Otherwise return None.
        """
        are_readable = all(
            table.name in self.before and ctx.storage.is_readable(table, self.before[table.name]) for table in tables
        )
        return self.added if self.added and are_readable else None

    def read_bases(self, ctx: Context, *tables: Table) -> list[DataFrame]:
        """Return the tables to build from: at the versions in `reads`, restricted to the days that are built."""
        of_days = in_days(self.days)
        return [ctx.storage.read(table, self.reads[table.name]).where(of_days) for table in tables]

    def read_earlier(self, ctx: Context, table: Table) -> DataFrame:
        """Return the rows that the last snapshot wrote. An attempt that ended before its ledger row is ignored."""
        return ctx.storage.read(table, self.before[table.name])


def plan_snapshot(ctx: Context, step: str, bases: Sequence[Table], *settings: Any) -> BuildPlan:
    """Return the state that the snapshots of `step`, built from `bases`, should have now.

    Raises PipelineError where no day is built.
    """
    rows = {day: row for day, row in ctx.ledger.builds(LAST_DAY_STEP.name).items() if row["rows_out"] > 0}
    built = {day: row["output_digest"] for day, row in rows.items()}
    if not built:
        raise PipelineError("no day of cleaned_events is built yet; run handle_missing_values first.")
    digest = build_digest(step, sorted((str(day), output) for day, output in built.items()), settings)
    last = ctx.ledger.last_build(step)
    last = last if last is not None and last["status"] == BuildStatus.BUILT else None
    chosen_settings_digest = settings_digest(step, *settings)
    added = _find_added_days(built, chosen_settings_digest, last["counts"]) if last else None
    unchanged = last is not None and last["input_digest"] == digest
    before = (last["writes"] or {}) if last else {}
    reads, events = versions_to_read(ctx, *bases), sum(row["rows_out"] for row in rows.values())
    return BuildPlan(step, max(built), digest, chosen_settings_digest, built, unchanged, added, before, reads, events)


def settings_digest(step: str, *settings: Any) -> str:
    """Return the digest of the settings and rules that a snapshot depends on."""
    return fingerprint(*settings, *list_marks(step, versions_of(step)))


def _find_added_days(built: Mapping[datetime, str], settings: str, before: Mapping[str, str]) -> list[datetime] | None:
    old = {day: before.get(windows.name(day, DAY)) for day in built}
    added = sorted(day for day, output in old.items() if output is None)
    known = {windows.name(day, DAY): output for day, output in built.items() if day not in added}
    is_unchanged = before == known | {"settings": settings}
    return added if is_unchanged and len(added) < len(known) else None
