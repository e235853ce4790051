"""The events of tests. A test names the values that matter to it; all others are the same in every test."""

from datetime import datetime
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.delta.storage import Storage
from spark_jobs.tables import USER_EVENTS, Table
from spark_jobs.tables.source_columns import EVENT

HEAD = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
AFTER_TIME = ("event_type", "item_id", "category_id", "category_code", "brand", "price", "user_id", "session_id")
DATE = "2019-10-01"
REQUIRED = {"user_id": 501, "item_id": 1, "event_type": "view", "time": "09:00:00"}
OPTIONAL = {"session_id": "s", "price": "5.00", "category_id": 77, "category_code": "a.b", "brand": "acme"}


def event_text(**given: object) -> dict[str, str | None]:
    """Return an event as its text in each column of the source; null where a column has no value.

    `time`: a time of day on 1 October 2019, or a date and a time.
    """
    values = dict.fromkeys(column.name for column in EVENT) | REQUIRED | OPTIONAL | given
    values["timestamp"] = f"{_moment(values.pop('time'))} UTC"
    return {name: None if value in (None, "") else str(value) for name, value in values.items()}


def event_line(*columns: str, **given: object) -> str:
    """Return an event as a line of a file that has HEAD and then these columns."""
    assert given.keys() <= {"time", *AFTER_TIME, *columns}
    text = event_text(**given)
    return ",".join(text[name] or "" for name in ("timestamp", *AFTER_TIME, *columns)) + "\n"


def session_lines(*sessions: str, **given: object) -> str:
    """Return a line for each session; the rest of the event is the same."""
    return "".join(event_line(session_id=session, **given) for session in sessions)


def event_row(**given: object) -> dict:
    """Return an event as a row of `user_events`. An optional value that is not given is null."""
    row = REQUIRED | given
    moment = datetime.fromisoformat(_moment(row.pop("time")))
    numbers = {name: Decimal(row[name]) for name in ("price", "rating") if row.get(name) is not None}
    return dict.fromkeys(USER_EVENTS.columns) | row | numbers | {"timestamp": moment, "event_date": moment.date()}


def create_events(spark: SparkSession, *events: dict, table: Table = USER_EVENTS) -> DataFrame:
    """Create a frame of `user_events`, or of another table of events."""
    assert {name for event in events for name in event} <= {"time", *table.columns} - {"timestamp", "event_date"}
    return Storage(spark, "").frame(table, [event_row(**event) for event in events])


def _moment(time: object) -> str:
    return str(time) if " " in str(time) else f"{DATE} {time}"
