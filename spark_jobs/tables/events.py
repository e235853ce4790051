"""The columns of the source, each declared once, and the event tables: raw, validated, rejected, deduplicated, cleaned.

Header, parsing, the Arrow fast path, digests, the text of rejected rows, limits for missing values and PostgreSQL's
`user_events` follow from the declaration of a column. docs/contributing.md has the recipe for a new one.
"""

from spark_jobs.tables.model import PRICE, Field, SourceColumn, Table, required

USER = SourceColumn(
    "user_id", "BIGINT", "The shop's id of the user. Never null in validated tables.", optional=False, served=True
)
ITEM = SourceColumn(
    "item_id",
    "BIGINT",
    "The shop's id of the product. Never null in validated tables.",
    optional=False,
    kaggle="product_id",
    served=True,
)
# The columns since the first version. Digests in the ledger depend on their order.
ORIGINAL = (
    USER,
    ITEM,
    SourceColumn(
        "event_type",
        "STRING",
        "An event type of the settings, as written in the source. Never null once validated.",
        length=20,
        optional=False,
        served=True,
        trimmed=True,
    ),
    SourceColumn(
        "timestamp",
        "TIMESTAMP",
        "Time of the event, UTC, to the microsecond. Never null once validated.",
        optional=False,
        kaggle="event_time",
        served=True,
    ),
    SourceColumn(
        "session_id",
        "STRING",
        "The shop's id of the session. Null: not given.",
        length=50,
        kaggle="user_session",
        served=True,
    ),
    SourceColumn(
        "rating",
        PRICE,
        "Rating from 1 to 5, rounded half up to two decimals. Null: not given.",
        served=True,
        bounds=(1, 5),
    ),
    SourceColumn(
        "price",
        PRICE,
        "Price in the shop's currency, rounded half up to two decimals; 0 is kept. Null: not given.",
        served=True,
    ),
    SourceColumn("category_id", "BIGINT", "The shop's id of the category; exceeds 2^53. Null: not given."),
    SourceColumn(
        "category_code", "STRING", "Readable category path such as electronics.smartphone. Null: not given.", length=50
    ),
    SourceColumn("brand", "STRING", "Brand as the source writes it; 'nan' is a brand. Null: not given.", length=100),
)
# Columns that the source got later, all optional. They come last in every table, and a row without a value in them has
# the digest that it had before.
ADDED: tuple[SourceColumn, ...] = ()
EVENT = (*ORIGINAL, *ADDED)
REQUIRED = tuple(column.name for column in EVENT if not column.optional)
OPTIONAL = tuple(column.name for column in EVENT if column.optional)

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
