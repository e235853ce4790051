"""The tables that recommenders read: the daily bases, the index numbers, the matrix and the features."""

from collections.abc import Sequence
from dataclasses import replace

from spark_jobs.tables.events import DATE
from spark_jobs.tables.model import AVERAGE, MONEY, Field, Table, required
from spark_jobs.tables.source_columns import ITEM, USER

COUNTS = (
    Field("view_count", "BIGINT", "Number of view events.", False),
    Field("cart_count", "BIGINT", "Number of cart events.", False),
    Field("purchase_count", "BIGINT", "Number of purchase events.", False),
    Field("rating_count", "BIGINT", "Number of rating events.", False),
)
PRICED = (
    Field("priced_events", "BIGINT", "Events with a price.", False),
    Field("price_sum", MONEY, "Sum of the prices of all events. Null: none has a price."),
    Field("priced_purchases", "BIGINT", "Purchases with a price.", False),
    Field("spent_sum", MONEY, "Sum of the prices of purchases. Null: none has a price."),
)
RATED = (
    Field("given_ratings", "BIGINT", "Events with a rating given in the source.", False),
    Field("given_rating_sum", MONEY, "Sum of the given ratings. Null: none given."),
)
SEEN = (
    Field("first_seen", "TIMESTAMP", "Earliest event, UTC.", False),
    Field("last_seen", "TIMESTAMP", "Latest event, UTC.", False),
)
UNIQUE_ITEMS = Field("unique_items", "BIGINT", "Number of different items.", False)
ACTIVE_DAYS = Field("active_days", "BIGINT", "Number of UTC days with an event.", False)
MET_BY = (
    Field("unique_users", "BIGINT", "Number of different users.", False),
    Field("unique_purchasers", "BIGINT", "Number of different users with a purchase.", False),
)


def _declare_parts_of_day(kind: str) -> tuple[Field, ...]:
    hours = {"dawn": "00:00 to 06:59", "morning": "07:00 to 12:59", "afternoon": "13:00 to 18:59"}
    hours |= {"evening": "19:00 to 23:59"}
    return tuple(Field(f"{name}_events", kind, f"Events from {span} UTC.", False) for name, span in hours.items())


INTERACTIONS = Table(
    "daily_interactions",
    "Cleaned events summed per day, user, item and category: matrix and features are computed by adding its rows.",
    (
        required(DATE),
        required(USER),
        required(ITEM),
        Field("category_id", "BIGINT", "Category of the summed events. Null: not given."),
        *COUNTS,
        *_declare_parts_of_day("INT"),
        *PRICED,
        *RATED,
        *SEEN,
    ),
    key=("event_date", "user_id", "item_id", "category_id"),
    partition="event_date",
    statistics=("last_seen",),
)

ITEM_DAYS = Table(
    "daily_items",
    "The latest attributes of each item on each day: the base of its latest known category and brand.",
    (
        required(DATE),
        required(ITEM),
        Field("category_id", "BIGINT", "Latest known that day. Null: not given that day."),
        Field("category_code", "STRING", "Latest known that day. Null: not given that day."),
        Field("brand", "STRING", "Latest known that day. Null: not given that day."),
    ),
    key=("event_date", "item_id"),
    partition="event_date",
)


def add_type_counts(table: Table, types: Sequence[str]) -> Table:
    """Return daily_interactions or item_sums with a count column for each event type that the settings add.

    Rows from before the type was added have no count: null counts as 0.
    """
    names = [name for name in types if f"{name}_count" not in table.columns]
    added = [Field(f"{name}_count", "BIGINT", f"Number of {name} events. Null: 0.") for name in names]
    return replace(table, fields=(*table.fields, *added))


def _declare_index(name: str, number: str, entity: Field) -> Table:
    return Table(
        name,
        f"The dense number of each {entity.name}: assigned once, never changed, never reused.",
        (
            Field(number, "BIGINT", "0, 1, 2, …; new ids are numbered in the order of (first day seen, id).", False),
            required(entity),
            Field("first_day", "DATE", "UTC day of its first event when the number was assigned.", False),
        ),
        key=(entity.name,),
        statistics=(number,),
    )


USER_INDEX = _declare_index("user_index", "user_index", USER)
ITEM_INDEX = _declare_index("item_index", "item_index", ITEM)

AS_OF = Field("as_of", "DATE", "The latest processed UTC day that this state includes.", nullable=False)
BUILT_AT = Field("built_at", "TIMESTAMP", "When this row was computed, UTC; outside every comparison.", nullable=False)

USER_ITEM_MATRIX = Table(
    "user_item_matrix",
    "Sparse user-item matrix as triples: one row for each user and item with at least one event.",
    (
        Field("user_index", "BIGINT", "Row number: user_index.user_index.", False),
        Field("item_index", "BIGINT", "Column number: item_index.item_index.", False),
        Field(
            "score", "DOUBLE", "Sum of the weights of the pair's events (events.types in conf/settings.toml).", False
        ),
        required(USER),
        required(ITEM),
        AS_OF,
        BUILT_AT,
    ),
    key=("user_id", "item_id"),
    statistics=("score",),
)

ITEM_SUMS = Table(
    "item_sums",
    "Totals of each item over all days, from which item_features are computed; new days are added to them.",
    (
        required(ITEM),
        *COUNTS,
        *PRICED,
        *RATED,
        *MET_BY,
        *SEEN,
    ),
    key=("item_id",),
)

USER_FEATURES = Table(
    "user_features",
    "Features of each user as of the latest processed day.",
    (
        required(USER),
        Field("total_events", "BIGINT", "Number of events of all types.", False),
        *COUNTS,
        UNIQUE_ITEMS,
        Field(
            "avg_price", AVERAGE, "Mean price over all events with a price, rounded half up. Null: no event has one."
        ),
        Field("total_spent", MONEY, "Sum of the prices of purchases; 0 without purchases.", False),
        Field(
            "avg_purchase_amount", AVERAGE, "Mean price of purchases, rounded half up. Null: no purchase with a price."
        ),
        ACTIVE_DAYS,
        Field("purchase_frequency", AVERAGE, "Purchases per active day, rounded half up.", False),
        Field(
            "preferred_category", "BIGINT", "Category with the highest score, ties to the smallest. Null: none known."
        ),
        Field(
            "category_preference",
            "ARRAY<STRUCT<category_id: BIGINT, share: DOUBLE>>",
            "The five categories with the highest score and their shares (0-1) of the total score. Empty: none known.",
            False,
        ),
        Field(
            "preferred_time",
            "STRING",
            "Part of day with most events: dawn 0-6, morning 7-12, afternoon 13-18, evening 19-23 UTC; ties: earliest.",
            False,
        ),
        *SEEN,
        AS_OF,
        BUILT_AT,
    ),
    key=("user_id",),
    statistics=("total_events",),
)

ITEM_FEATURES = Table(
    "item_features",
    "Features of each item as of the latest processed day.",
    (
        required(ITEM),
        Field("total_events", "BIGINT", "Number of events of all types.", False),
        *COUNTS,
        *MET_BY,
        Field(
            "avg_rating", AVERAGE, "Mean of the ratings given in the source (1-5), rounded half up. Null: none given."
        ),
        Field(
            "avg_price", AVERAGE, "Mean price over all events with a price, rounded half up. Null: no event has one."
        ),
        Field("price_range", "STRING", "budget, mid, premium or luxury by avg_price. Null: no price known."),
        Field(
            "popularity_score",
            "DOUBLE",
            "Views and purchases, each as a share of the most of any item, weighted by the settings; 0 to 1.",
            False,
        ),
        Field("category_id", "BIGINT", "Latest known. Null: never given."),
        Field("category_code", "STRING", "Latest known. Null: never given."),
        Field("brand", "STRING", "Latest known. Null: never given."),
        *SEEN,
        AS_OF,
        BUILT_AT,
    ),
    key=("item_id",),
)
