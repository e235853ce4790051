"""Validate one raw row in plain Python, with exact arithmetic: its typed values and its reasons for rejection."""

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.oracle_duckdb.reader import BLANKS

ALLOWED, IGNORED = {"view", "cart", "purchase", "rating"}, {"remove_from_cart"}
LENGTHS = {"session_id": 50, "category_code": 50, "brand": 100}
INTEGER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?: UTC|Z|([+-])([0-9]{2}):?([0-9]{2}))?"
)
FIRST, END = datetime(2000, 1, 1), datetime(2100, 1, 1)


def validate_row(fields: dict[str, str] | None) -> tuple[dict, list[str]]:
    """Return the typed columns of a record (None for a bad value) and its sorted reasons for rejection."""
    if fields is None:
        return {}, ["malformed_record"]
    reasons: set[str] = set()
    trimmed = {name: value.strip(BLANKS) for name, value in fields.items()}
    event = {
        name: _parse_integer(name, trimmed.get(name, ""), reasons) for name in ("user_id", "item_id", "category_id")
    }
    event["event_type"] = _parse_event_type(trimmed["event_type"], reasons)
    event["timestamp"] = _parse_timestamp(trimmed["timestamp"], reasons)
    event["price"] = _parse_price(trimmed.get("price", ""), reasons)
    event["rating"] = _parse_rating(trimmed.get("rating", ""), reasons)
    for name, length in LENGTHS.items():
        value = fields.get(name, "") if trimmed.get(name) else None
        if value is not None and (len(value) > length or "\0" in value):
            reasons.add("text_not_storable")
        event[name] = value
    return event, sorted(reasons)


def parse_time(text: str) -> datetime | None:
    """Parse a time to UTC: datetime.min if it lies outside the years 1-9999, None if the text is not a time."""
    match = TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, hours, minutes = match[7] or "", match[8], int(match[9] or 0), int(match[10] or 0)
    if hours > 23 or minutes > 59:
        return None
    try:
        local = datetime(year or 4, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")))
    except ValueError:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        return local + offset if sign == "-" else local - offset
    except OverflowError:
        return datetime.min


def round_to_cents(text: str) -> Decimal:
    """Round a valid number half up to two decimals; return a huge one unchanged."""
    exact = Decimal(text)
    return exact if abs(exact) > 10**12 else exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _parse_integer(name: str, text: str, reasons: set[str]) -> int | None:
    required = name != "category_id"
    if not text:
        reasons |= {f"{name}_missing"} if required else set()
        return None
    fits = INTEGER.fullmatch(text) and len(text.lstrip("-").lstrip("0")) <= 19
    value = Decimal(text) if fits else None
    if value is None or not -(2**63) <= value < 2**63:
        reasons.add(f"{name}_not_an_integer")
        return None
    if required and value <= 0:
        reasons.add(f"{name}_not_positive")
    return int(value)


def _parse_event_type(text: str, reasons: set[str]) -> str | None:
    if not text:
        reasons.add("event_type_missing")
    elif text in IGNORED:
        reasons.add("event_type_ignored")
    elif text not in ALLOWED:
        reasons.add("event_type_unknown")
    return text or None


def _parse_timestamp(text: str, reasons: set[str]) -> datetime | None:
    moment = parse_time(text) if text else None
    if not text:
        reasons.add("timestamp_missing")
    elif moment is None:
        reasons.add("timestamp_not_a_time")
    elif not FIRST <= moment < END:
        reasons.add("timestamp_implausible")
        return None
    return moment


def _parse_price(text: str, reasons: set[str]) -> Decimal | None:
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        reasons.add("price_not_a_number")
    elif Decimal(text) < 0:
        reasons.add("price_negative")
    elif round_to_cents(text) > Decimal("99999999.99"):
        reasons.add("price_too_large")
    else:
        return abs(round_to_cents(text))
    return None


def _parse_rating(text: str, reasons: set[str]) -> Decimal | None:
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        reasons.add("rating_not_a_number")
    elif not 1 <= round_to_cents(text) <= 5:
        reasons.add("rating_out_of_range")
    else:
        return round_to_cents(text)
    return None
