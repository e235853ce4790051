"""Validated events, checked for each UTC hour: no row to be written breaks a rule that rejects rows."""

from collections.abc import Sequence

from expectations import Rule, Suite, expect_rules, structure
from spark_jobs.tables import USER_EVENTS
from spark_jobs.tables.source_columns import EVENT

TEXTS = [column.name for column in EVENT if column.type == "STRING" and not column.trimmed]
RULES = {
    "id_not_positive": Rule("ids are positive", broken="user_id <= 0 OR item_id <= 0"),
    "price_negative": Rule("prices are not negative", broken="price < 0"),
    "rating_out_of_range": Rule("ratings lie between 1 and 5", broken="rating NOT BETWEEN 1 AND 5"),
    "date_not_of_timestamp": Rule("event_date is the day of timestamp", broken="event_date <> to_date(timestamp)"),
    "blank_text": Rule(
        "missing text is null, never blank",
        broken=" OR ".join(f"trim({name}) = ''" for name in TEXTS),
    ),
}


def suite(types: Sequence[str]) -> Suite:
    """Return the suite over the measures of `transforms.measures`. `types`: the event types."""
    names = ", ".join(f"'{name}'" for name in types)
    of_types = Rule(f"event types are {', '.join(types)}", broken=f"event_type NOT IN ({names})")
    rules = {**RULES, "event_type_not_allowed": of_types}
    return Suite("user_events", structure(USER_EVENTS, of="valid_rows") + expect_rules(rules, of="valid_rows"), rules)
