"""The closed list of reasons for rejecting a row, in the order in which a row lists them."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a row is rejected. `rejected_events.reasons` contains the value."""

    MALFORMED_RECORD = "malformed_record"
    USER_ID_NOT_AN_INTEGER = "user_id_not_an_integer"
    USER_ID_MISSING = "user_id_missing"
    USER_ID_NOT_POSITIVE = "user_id_not_positive"
    ITEM_ID_NOT_AN_INTEGER = "item_id_not_an_integer"
    ITEM_ID_MISSING = "item_id_missing"
    ITEM_ID_NOT_POSITIVE = "item_id_not_positive"
    CATEGORY_ID_NOT_AN_INTEGER = "category_id_not_an_integer"
    EVENT_TYPE_MISSING = "event_type_missing"
    EVENT_TYPE_UNKNOWN = "event_type_unknown"
    EVENT_TYPE_IGNORED = "event_type_ignored"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_NOT_A_TIME = "timestamp_not_a_time"
    TIMESTAMP_IMPLAUSIBLE = "timestamp_implausible"
    PRICE_NOT_A_NUMBER = "price_not_a_number"
    PRICE_NEGATIVE = "price_negative"
    PRICE_TOO_LARGE = "price_too_large"
    RATING_NOT_A_NUMBER = "rating_not_a_number"
    RATING_OUT_OF_RANGE = "rating_out_of_range"
    TEXT_NOT_STORABLE = "text_not_storable"
