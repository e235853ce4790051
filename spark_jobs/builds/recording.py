"""Records of builds in the ledger: the input of each build, or why it was stopped."""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import windows
from spark_jobs.builds.planning import BuildPlan, DayPlan
from spark_jobs.context import Context
from spark_jobs.coordination import failpoints
from spark_jobs.ledger.rule_versions import versions_of
from spark_jobs.ledger.status import NO_DAY, fingerprint
from spark_jobs.ledger_rows import BuildRow
from spark_jobs.session import now
from spark_jobs.tables import BuildStatus, Table
from spark_jobs.validation import great_expectations
from spark_jobs.windows import DAY


def record_days(
    ctx: Context,
    plan: DayPlan,
    verdict: great_expectations.Verdict,
    counts: Mapping[str, dict[str, Any]],
    of: Sequence[Table],
    written: bool,
) -> None:
    """Record the outcome of each day: the input that it was built from, or that it was stopped.

    The row of a stopped day still describes the earlier build. `of`: the tables of the step. `written`: whether days
    were written into them now.
    """
    rows: list[BuildRow] = []
    writes = ctx.ledger.writes(of, of if written else ())
    for day in plan.days:
        name, old = windows.name(day, DAY), plan.old.get(day)
        row: BuildRow = {"day": day.date(), "input_digest": plan.digests[day], "verdict": None, "writes": writes}
        row["rule_versions"] = versions_of(plan.step)
        if name in verdict.failed:
            stopped: BuildRow = {"status": BuildStatus.STOPPED, "verdict": "; ".join(verdict.failed[name])}
            rows.append(row | _describe_existing_rows(old) | stopped)
            continue
        counted = counts.get(name, {"rows_in": 0, "rows_out": 0})
        texts = {key: str(value) for key, value in counted.items()} | {"source": plan.sources[day]}
        rows.append(
            row
            | {"status": BuildStatus.BUILT, "output_digest": fingerprint(plan.step, plan.digests[day]), "counts": texts}
            | {"rows_in": int(counted["rows_in"]), "rows_out": int(counted["rows_out"]), "reads": dict(plan.reads)}
        )
    failpoints.reach("build.written")
    ctx.ledger.record_builds(plan.step, rows)
    failpoints.reach("build.recorded")


def _describe_existing_rows(old: BuildRow | None) -> BuildRow:
    """Return the part of a stopped day's row that describes the rows of its earlier build, if there was one."""
    if old is None:
        return {"output_digest": NO_DAY, "rows_in": 0, "rows_out": 0, "counts": {"source": NO_DAY}}
    return {
        "output_digest": old["output_digest"],
        "rows_in": old["rows_in"],
        "rows_out": old["rows_out"],
        "counts": old["counts"],
        "reads": old["reads"],
    }


def stamp_rows(table: Table, rows: DataFrame, plan: BuildPlan) -> DataFrame:
    """Add to the rows of a snapshot its `as_of` day and the time when it was built."""
    return table.conform(rows.withColumn("as_of", F.lit(plan.as_of.date())).withColumn("built_at", F.lit(now())))


def record_snapshot(
    ctx: Context,
    plan: BuildPlan,
    verdicts: Sequence[great_expectations.Verdict],
    rows_in: int,
    rows_out: int,
    of: Sequence[Table],
) -> None:
    """Record the outcome of a snapshot. Its day is the latest processed one; its counts are the digests of the days.

    Its status is built where every verdict passed. Then all tables `of` the step were written, otherwise none.
    """
    failed = "; ".join(text for verdict in verdicts for texts in verdict.failed.values() for text in texts)
    row: BuildRow = {
        "day": plan.as_of.date(),
        "status": BuildStatus.STOPPED if failed else BuildStatus.BUILT,
        "input_digest": plan.digest,
        "output_digest": fingerprint(plan.step, plan.digest),
        "rows_in": rows_in,
        "rows_out": rows_out,
        "counts": {windows.name(day, DAY): output for day, output in plan.days.items()} | {"settings": plan.settings},
        "reads": dict(plan.reads),
        "verdict": failed or None,
        "writes": ctx.ledger.writes(of, () if failed else of),
        "rule_versions": versions_of(plan.step),
    }
    ctx.ledger.record_builds(plan.step, [row])
