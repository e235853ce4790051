"""Nothing lost, nothing twice: the counting identities, proven from the tables on every run."""

from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.errors import IdentityError


def events(ctx: Context) -> Summary:
    """raw = user_events + rejected + rows of units not yet committed: for each unit, and in total over the tables.

    The ledger is compared with the tables (whose counts Delta keeps in its log: no scan), the units with the ledger.
    Raises IdentityError naming the unit and both figures.
    """
    states = ctx.ledger.states().withColumn("current", ~F.col("dirty") & (F.col("status") != "stopped"))
    held = F.coalesce("valid_rows", F.lit(0)) + F.coalesce("rejected_rows", F.lit(0))
    wrong = states.where(F.col("current") & (F.col("landed_rows") != held)).select(
        "unit", "landed_rows", held.alias("held")
    )
    if row := wrong.first():
        raise IdentityError(f"{row.unit}: {row.landed_rows:,} rows landed, but {row.held:,} are committed.")
    totals = states.agg(
        F.sum("landed_rows").alias("raw"),
        F.sum(F.when(F.col("current"), F.col("valid_rows"))).alias("valid"),
        F.sum(F.when(F.col("current"), F.col("rejected_rows"))).alias("rejected"),
        F.sum(F.when(~F.col("current"), F.col("landed_rows"))).alias("waiting"),
        F.sum("valid_rows").alias("valid_held"),
        F.sum("rejected_rows").alias("rejected_held"),
    ).first()
    for table, expected in (
        (tables.RAW_EVENTS, totals.raw),
        (tables.USER_EVENTS, totals.valid_held),
        (tables.REJECTED_EVENTS, totals.rejected_held),
    ):
        counted = ctx.storage.read(table).count()
        if counted != (expected or 0):
            raise IdentityError(f"{table.name} holds {counted:,} rows, but the ledger counts {expected or 0:,}.")
    names = ("raw", "valid", "rejected", "waiting")
    counts = {name: totals[name] or 0 for name in names}
    if counts["raw"] != counts["valid"] + counts["rejected"] + counts["waiting"]:
        raise IdentityError(f"rows do not add up: {counts}.")
    return {
        "raw_events": counts["raw"],
        "user_events": counts["valid"],
        "rejected_events": counts["rejected"],
        "not_yet_committed": counts["waiting"],
        "earlier_rows_standing": (totals.valid_held or 0)
        + (totals.rejected_held or 0)
        - counts["valid"]
        - counts["rejected"],
    }


def deduplicated(ctx: Context) -> tuple[int, int]:
    """user_events = deduped_events + dropped: rows read and rows kept by the days' builds, proven from the table.

    Raises IdentityError where deduped_events does not hold what its builds kept.
    """
    builds = ctx.storage.read(tables.DAY_BUILDS).where("step = 'remove_duplicates'")
    rows_in, rows_out = builds.agg(F.sum("rows_in"), F.sum("rows_out")).first()
    held = ctx.storage.read(tables.DEDUPED_EVENTS).count()
    if held != (rows_out or 0):
        raise IdentityError(f"deduped_events holds {held:,} rows, but its builds kept {rows_out or 0:,}.")
    return rows_in or 0, rows_out or 0
