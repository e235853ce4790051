"""Validated events, judged for each UTC hour: nothing that a rule rejects is among the rows to be written."""

import great_expectations as gx

from expectations import rules, structure
from spark_jobs.settings import Settings
from spark_jobs.tables import USER_EVENTS

RULES = {
    "id_not_positive": "user_id <= 0 OR item_id <= 0",
    "event_type_not_allowed": "event_type NOT IN ('view', 'cart', 'purchase', 'rating')",
    "price_negative": "price < 0",
    "rating_out_of_range": "rating NOT BETWEEN 1 AND 5",
    "date_not_of_timestamp": "event_date <> to_date(timestamp)",
    "blank_text": "trim(session_id) = '' OR trim(category_code) = '' OR trim(brand) = ''",
}
SAYS = {
    "id_not_positive": "ids are positive",
    "event_type_not_allowed": "event types are view, cart, purchase or rating",
    "price_negative": "prices are not negative",
    "rating_out_of_range": "ratings lie between 1 and 5",
    "date_not_of_timestamp": "event_date is the day of timestamp",
    "blank_text": "missing text is null, never blank",
}


def suite(settings: Settings) -> gx.ExpectationSuite:
    """The suite over the measures of `transforms.measure`."""
    return gx.ExpectationSuite(name="user_events", expectations=structure(USER_EVENTS) + rules(RULES, SAYS))
