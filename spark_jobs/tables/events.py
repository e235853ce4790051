"""The event tables: raw, validated, rejected, deduplicated, cleaned."""

from spark_jobs.tables.model import PRICE, Field, Table, required

USER = Field("user_id", "BIGINT", "The shop's number of the user. Never null in judged tables.")
ITEM = Field("item_id", "BIGINT", "The shop's number of the product. Never null in judged tables.")
EVENT = (
    USER,
    ITEM,
    Field("event_type", "STRING", "view, cart, purchase or rating, as written in the source. Never null once judged."),
    Field("timestamp", "TIMESTAMP", "When it happened, UTC, to the microsecond. Never null once judged."),
    Field("session_id", "STRING", "The shop's session. Null: not given.", length=50),
    Field("rating", PRICE, "Rating from 1 to 5, two decimals half up. Null: not given."),
    Field("price", PRICE, "Price in the shop's currency, two decimals half up; 0 is kept. Null: not given."),
    Field("category_id", "BIGINT", "The shop's number of the category; exceeds 2^53. Null: not given."),
    Field(
        "category_code", "STRING", "Readable category path such as electronics.smartphone. Null: not given.", length=50
    ),
    Field("brand", "STRING", "Brand as the source writes it; 'nan' is a brand. Null: not given.", length=100),
)
DATE = Field("event_date", "DATE", "UTC day of the timestamp; the partition.")
GOOD_EVENT = (*map(required, EVENT[:4]), *EVENT[4:], required(DATE))

RAW_EVENTS = Table(
    "raw_events",
    "Every record of every landed file, typed where its text can be typed; nothing is judged or dropped here.",
    (
        *EVENT,
        Field("event_date", "DATE", "UTC day of the timestamp; the partition. Null: no usable time (undated)."),
        Field("faults", "ARRAY<STRING>", "What could not be typed, as rejection reasons. Null: everything could."),
        Field("raw_text", "STRING", "The record as written. Null: the typed columns give it back exactly."),
        Field("file_id", "INT", "The file it came from: landed_files.file_id.", nullable=False),
        Field("part", "INT", "Which reading of the file gave it: 1, 2, … as the file grows or changes.", False),
        Field(
            "unfinished", "BOOLEAN", "True for a last line without its newline: replaced when the file grows.", False
        ),
    ),
    partition="event_date",
    statistics=("timestamp", "file_id", "part"),
)

USER_EVENTS = Table(
    "user_events",
    "Validated events: each row passed every rule, each hour its verdict.",
    GOOD_EVENT,
    partition="event_date",
    statistics=("timestamp",),
)

REJECTED_EVENTS = Table(
    "rejected_events",
    "Rows that a rule turned away, each with its reasons and its text.",
    (
        DATE,
        Field("hour", "TIMESTAMP", "UTC hour that the row belongs to. Null: undated."),
        Field("reasons", "ARRAY<STRING>", "Every rule that the row breaks, from a closed list; never empty.", False),
        Field("raw_text", "STRING", "The record as the file has it, without its line end.", False),
        Field("file_name", "STRING", "Name of the file, without its folder.", False),
        Field("file_id", "INT", "landed_files.file_id.", False),
    ),
    partition="event_date",
    statistics=("hour", "file_id"),
)

DEDUPED_EVENTS = Table(
    "deduped_events",
    "One event for each user, item, event type and minute: the latest.",
    GOOD_EVENT,
    key=("user_id", "item_id", "event_type", "event_minute"),
    partition="event_date",
    statistics=("timestamp",),
)

CLEANED_EVENTS = Table(
    "cleaned_events",
    "Deduplicated events with missing prices and ratings filled from the same day, each marked with its source.",
    (
        *GOOD_EVENT[:10],
        Field(
            "price_source", "STRING", "given, item, category, day (median of that day) or none (nothing known).", False
        ),
        Field(
            "rating_source",
            "STRING",
            "given, item, day (mean of that day) or none (no rating event, or unknown).",
            False,
        ),
        GOOD_EVENT[10],
    ),
    key=DEDUPED_EVENTS.key,
    partition="event_date",
    statistics=("timestamp",),
)
