"""Reconciliation: no row is lost and none is counted twice.

The counting identities are checked against the tables on every run, also next to writers.
"""

from spark_jobs import tables
from spark_jobs.context import Context, Summary
from spark_jobs.errors import IdentityError
from spark_jobs.tables import HourStatus

COMMITTED = (tables.USER_EVENTS, tables.REJECTED_EVENTS)


def reconcile_events(ctx: Context) -> Summary:
    """Check raw = user_events + rejected + rows of hours not yet committed, for each hour and in total.

    The hours are compared with the ledger, and the ledger with the versions of the tables that it names. The counts of
    these versions are in Delta's log: no scan. Raises IdentityError naming the hour or table and both figures.
    """
    ctx = ctx.pin()
    states = ctx.ledger.states()
    current = [state for state in states if not state.dirty and state.status != HourStatus.STOPPED]
    for state in current:
        if state.landed_rows != (judged := state.valid_rows + state.rejected_rows):
            raise IdentityError(f"{state.window_key}: {state.landed_rows:,} rows landed, but {judged:,} are committed.")
    raw = sum(state.landed_rows for state in states)
    committed_rows = {
        "user_events": sum(u.valid_rows for u in states),
        "rejected_events": sum(u.rejected_rows for u in states),
    }
    for table, expected in ((tables.RAW_EVENTS, raw), *((t, committed_rows[t.name]) for t in COMMITTED)):
        if (counted := ctx.count(table)) != expected:
            raise IdentityError(f"{table.name} has {counted:,} rows, but the ledger counts {expected:,}.")
    valid, rejected = sum(u.valid_rows for u in current), sum(u.rejected_rows for u in current)
    return {
        "raw_events": raw,
        "user_events": valid,
        "rejected_events": rejected,
        "not_yet_committed": raw - sum(state.landed_rows for state in current),
        "earlier_rows_standing": sum(committed_rows.values()) - valid - rejected,
    }


def reconcile_deduplicated(ctx: Context) -> tuple[int, int]:
    """Check user_events = deduped_events + dropped. Returns the rows read and the rows kept by the days' builds.

    Raises IdentityError where deduped_events does not have the rows that its builds kept.
    """
    ctx = ctx.pin()
    builds = ctx.ledger.builds("remove_duplicates").values()
    rows_in, rows_out = (sum(row[name] for row in builds) for name in ("rows_in", "rows_out"))
    rows_stored = ctx.count(tables.DEDUPED_EVENTS)
    if rows_stored != rows_out:
        raise IdentityError(f"deduped_events has {rows_stored:,} rows, but its builds kept {rows_out:,}.")
    return rows_in, rows_out


def reconcile_records(ctx: Context) -> Summary:
    """Check records of the files = raw + suppressed, for each file and in total.

    Records were counted while the file was hashed, rows are those in the table, and suppressed records were counted
    where they were skipped. A file that landed before records were counted has as many records as rows and suppressed
    records. Raises IdentityError naming the file and the figures.
    """
    totals = {"records": 0, "raw_events": 0, "suppressed": 0}
    for row in ctx.ledger.files():
        suppressed = row["suppressed"] or 0
        counted = row["rows"] + suppressed if row["records"] is None else row["records"]
        if counted != row["rows"] + suppressed:
            raise IdentityError(
                f"{row['path']}: {counted:,} records were counted, but {row['rows']:,} landed and {suppressed:,} were "
                "suppressed."
            )
        for name, number in zip(totals, (counted, row["rows"], suppressed), strict=True):
            totals[name] += number
    return totals
