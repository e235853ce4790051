"""The columns of the source, each declared once.

The event tables, header, parsing, the Arrow fast path, digests, the text of rejected rows, limits for missing values
and the `user_events` of PostgreSQL follow from the declaration of a column. docs/contributing.md has the recipe.
"""

from spark_jobs.tables.model import PRICE, SourceColumn

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
