"""The event tables: raw, validated, rejected, deduplicated, cleaned. `source_columns` has the columns of an event."""

from spark_jobs.tables.model import Field, Table, required
from spark_jobs.tables.source_columns import ADDED, ORIGINAL

DATE = Field("event_date", "DATE", "UTC day of the timestamp; the partition.")
VALID = tuple(column if column.optional else required(column) for column in ORIGINAL)

RAW_EVENTS = Table(
    "raw_events",
    "Every record of every landed file, typed where its text can be parsed; nothing is validated or dropped here.",
    (
        *ORIGINAL,
        Field("event_date", "DATE", "UTC day of the timestamp; the partition. Null: no usable time (undated)."),
        Field("faults", "ARRAY<STRING>", "What could not be parsed, as rejection reasons. Null: all could be parsed."),
        Field("raw_text", "STRING", "The record as written. Null: the typed columns reproduce it exactly."),
        Field("file_id", "INT", "The file that contains it: landed_files.file_id.", nullable=False),
        Field("part", "INT", "Revision of the file: 1, 2, … for each time it is read as it grows or changes.", False),
        Field(
            "unfinished", "BOOLEAN", "True for a last line without its newline: replaced when the file grows.", False
        ),
        *ADDED,
    ),
    partition="event_date",
    statistics=("timestamp", "file_id", "part"),
)

USER_EVENTS = Table(
    "user_events",
    "Validated events: each row passed every rule, and each hour passed its verdict.",
    (*VALID, required(DATE), *ADDED),
    partition="event_date",
    statistics=("timestamp",),
)

REJECTED_EVENTS = Table(
    "rejected_events",
    "Rows that a rule rejected, each with its reasons and its text.",
    (
        DATE,
        Field("hour", "TIMESTAMP", "UTC hour that the row belongs to. Null: undated."),
        Field("reasons", "ARRAY<STRING>", "Every rule that the row breaks, from a closed list; never empty.", False),
        Field("raw_text", "STRING", "The record as written in the file, without its line end.", False),
        Field("file_name", "STRING", "Name of the file, without its folder.", False),
        Field("file_id", "INT", "landed_files.file_id.", False),
    ),
    partition="event_date",
    statistics=("hour", "file_id"),
)

DEDUPED_EVENTS = Table(
    "deduped_events",
    "One event for each user, item, event type and minute: the latest.",
    (*VALID, required(DATE), *ADDED),
    key=("user_id", "item_id", "event_type", "event_minute"),
    partition="event_date",
    statistics=("timestamp",),
)

CLEANED_EVENTS = Table(
    "cleaned_events",
    "Deduplicated events with missing prices and ratings filled from the same day, each marked with its source.",
    (
        *VALID,
        Field(
            "price_source", "STRING", "given, item, category, day (median of that day) or none (nothing known).", False
        ),
        Field(
            "rating_source",
            "STRING",
            "given, item, day (mean of that day) or none (no rating event, or unknown).",
            False,
        ),
        required(DATE),
        *ADDED,
    ),
    key=DEDUPED_EVENTS.key,
    partition="event_date",
    statistics=("timestamp",),
)
