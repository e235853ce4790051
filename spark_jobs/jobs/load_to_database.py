"""Load: PostgreSQL gets each committed hour exactly once; unchanged content is not rewritten.

Takes the committed hours of the range and every hour committed since its last load.
Reads user_events, hour_status; writes PostgreSQL's user_events, items and ledger, then hour_status and day_status.
"""

import sys
from datetime import datetime

from pyspark.sql import functions as F

from spark_jobs import command_line, tables
from spark_jobs.context import Context, Summary
from spark_jobs.states import Unit
from spark_jobs.storage import in_days, in_units
from spark_jobs.transforms.items import latest_of_items, sendable
from spark_jobs.warehouse import Warehouse, address
from spark_jobs.warehouse_schema import EVENTS, ITEMS
from spark_jobs.windows import DAY, HOUR, Window, floor, ranges


def run(ctx: Context, hours: Window) -> Summary:
    """Loads what differs from PostgreSQL's own ledger, a transaction for each day."""
    units = ctx.ledger.units(lambda u: u.status == "committed" or (u.status == "loaded" and u.within(hours)))
    url = address(ctx.settings.paths.database, ctx.spark.sparkContext.master)
    with Warehouse(url) as warehouse:
        held = warehouse.loaded([unit.hour for unit in units])
        different = [unit for unit in units if held.get(unit.hour, (0, "0:0:0"))[1] != unit.content_digest]
        days: dict[datetime, list[Unit]] = {}
        for unit in different:
            days.setdefault(floor(unit.hour, DAY), []).append(unit)
        if days:
            warehouse.stage()
        for day in sorted(days):
            _load_day(ctx, warehouse, day, days[day], held)
        warehouse.unstage()  # also what a killed load left
        ctx.ledger.mark_loaded(unit.unit for unit in units if unit.status == "committed")
        ctx.ledger.refresh_days()
        events, items = warehouse.counts()
    return {
        "hours_loaded": len(different),
        "hours_unchanged": len(units) - len(different),
        "rows_loaded": sum(unit.valid_rows for unit in different),
        "postgres_user_events": events,
        "postgres_items": items,
    }


def _load_day(ctx: Context, warehouse: Warehouse, day: datetime, units: list[Unit], held: dict) -> None:
    """Stages a day's new hours and the latest word of the items they touch, then swaps them in at once."""
    windows = ranges([unit.hour for unit in units], HOUR)
    gone = warehouse.items_of(windows) if any(held.get(unit.hour, (0, ""))[0] for unit in units) else []
    events = ctx.storage.read(tables.USER_EVENTS)
    new = events.where(in_units(windows))
    warehouse.copy(sendable(new), "staging_events", EVENTS)
    there = ctx.ledger.units(lambda unit: unit.status == "loaded" and unit.within(Window(day, day + DAY)))
    known = in_units(ranges([unit.hour for unit in [*there, *units]], HOUR))
    touched = new.select("item_id").union(ctx.spark.createDataFrame([(item,) for item in gone], "item_id BIGINT"))
    of_day = events.where(in_days([day])).where(known).join(F.broadcast(touched.distinct()), "item_id", "left_semi")
    warehouse.copy(latest_of_items(of_day), "staging_items", ITEMS)
    hours = {unit.hour: (unit.valid_rows, unit.content_digest) for unit in units}
    warehouse.replace_day(day, windows, hours, gone)


if __name__ == "__main__":
    sys.exit(command_line.job("load_to_database", __doc__, run, HOUR, command_line.COLLECTION, judges=False))
