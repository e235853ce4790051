"""Parsing of text to types: the value of each field of a record, or the reason why it has none.

The grammars are fixed: they define what a text means. A price that is negative or too large for its column has no
value either. `validate` decides which other values are allowed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables.events import RAW_EVENTS
from spark_jobs.tables.model import PRICE, SourceColumn
from spark_jobs.tables.source_columns import EVENT
from spark_jobs.transforms.reasons import Reason

BLANKS = " \t"
PLAUSIBLE_FROM, PLAUSIBLE_UNTIL = "2000-01-01 00:00:00", "2100-01-01 00:00:00"

# Every pattern ends in \z: Java's $ also matches before a trailing line separator.
_INTEGER = r"^-?[0-9]+\z"
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?\z"
_PLAIN_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC\z"
PLAIN_TIME_FORMAT = "yyyy-MM-dd HH:mm:ss 'UTC'"
_DATE, _CLOCK = r"([0-9]{4}-[0-9]{2}-[0-9]{2})", r"([0-9]{2}:[0-9]{2}:[0-9]{2})"
_FRACTION, _ZONE = r"(?:(\.[0-9]{1,6})[0-9]*)?", r"( UTC|Z|[+-][0-9]{2}:?[0-9]{2})?"
_TIME = rf"^{_DATE}[ T]{_CLOCK}{_FRACTION}{_ZONE}\z"
_LIMIT = "99999999.99"


@dataclass(frozen=True)
class ParsedField:
    """A field's typed value, its fault reasons with their conditions, and whether the value gives its text back."""

    value: Column
    faults: tuple[tuple[Reason, Column], ...]
    plain: Column


def parse(records: DataFrame, header: Sequence[str]) -> DataFrame:
    """Parse text records to `raw_events`: typed columns, faults, and the raw text where the types cannot reproduce it.

    `records` has a text column for each name in `header` (null: empty field), and `file_id`, `part`, `unfinished`,
    `malformed` (wrong shape; its fields are null) and `line` (the record's text, where its quotes or shape would be
    lost). If it also has `typed`, the records where that is true are plain, and their values are in `typed_<name>`.
    """
    known = F.col("typed") if "typed" in records.columns else F.lit(False)
    fields = {column.name: _parse_field(column, column.name in header) for column in EVENT}
    present = [field for name, field in fields.items() if name in header]
    reasons = [(Reason.MALFORMED_RECORD, F.col("malformed")), *(fault for field in present for fault in field.faults)]
    plain = F.col("line").isNull()
    for field in present:
        plain = plain & field.plain
    for name in header:
        plain = plain & (F.lit(True) if name in fields else F.col(name).isNull())
    text = F.coalesce("line", F.concat_ws(",", *(F.coalesce(F.col(name), F.lit("")) for name in header)))
    usable = (F.col("timestamp") >= F.lit(PLAUSIBLE_FROM).cast("timestamp")) & (
        F.col("timestamp") < F.lit(PLAUSIBLE_UNTIL).cast("timestamp")
    )
    typed = records.select(
        *(_choose_value(records, header, name, field).alias(name) for name, field in fields.items()),
        F.when(~known & any_of(condition for _, condition in reasons), name_reasons(reasons)).alias("faults"),
        F.when(~(known | F.coalesce(plain, F.lit(False))), text).alias("raw_text"),
        "file_id",
        "part",
        "unfinished",
    )
    return RAW_EVENTS.conform(typed.withColumn("event_date", F.when(usable, F.to_date("timestamp"))))


def _parse_field(column: SourceColumn, is_given: bool) -> ParsedField:
    """Parse a column by its type; null where the file does not have the column."""
    if is_given:
        return _PARSERS[column.type](column, F.col(column.name))
    return ParsedField(F.lit(None).cast(column.type), (), F.lit(True))


def _choose_value(records: DataFrame, header: Sequence[str], name: str, field: ParsedField) -> Column:
    """Return a plain record's typed value; for any other record the parsed text."""
    if name not in header or "typed" not in records.columns:
        return field.value
    typed_column = f"typed_{name}" if f"typed_{name}" in records.columns else name
    return F.when(F.col("typed"), F.col(typed_column)).otherwise(field.value)


def any_of(conditions: Iterable[Column]) -> Column:
    """Return whether any condition is true. A condition that is null is not."""
    return reduce(Column.__or__, (F.coalesce(condition, F.lit(False)) for condition in conditions))


def name_reasons(reasons: Sequence[tuple[Reason, Column]]) -> Column:
    """Return the names of the reasons whose condition is true, in order; empty when none is."""
    names = F.array(*(F.when(condition, F.lit(reason.value)) for reason, condition in reasons))
    return F.array_except(names, F.array(F.lit(None).cast("string")))  # compiled, unlike array_compact


def _trim(raw: Column) -> Column:
    return F.btrim(raw, F.lit(BLANKS))


def _is_given(raw: Column) -> Column:
    return raw.isNotNull() & (_trim(raw) != "")


def _parse_text(column: SourceColumn, raw: Column) -> ParsedField:
    """Keep text as it is, or a word without the blanks around it. Text of blanks only is missing."""
    value = F.when(_is_given(raw), _trim(raw) if column.trimmed else raw)
    return ParsedField(value, (), raw.eqNullSafe(value))


def _parse_integer(column: SourceColumn, raw: Column) -> ParsedField:
    """`-?[0-9]+` within 64 bits."""
    reason = Reason(f"{column.name}_not_an_integer")
    quick = raw.try_cast("bigint")
    plain = quick.cast("string") == raw
    trimmed = _trim(raw)
    value = F.when(plain, quick).when(trimmed.rlike(_INTEGER), trimmed.try_cast("bigint"))
    return ParsedField(value, ((reason, _is_given(raw) & value.isNull()),), raw.isNull() | plain)


def _parse_number(column: SourceColumn, raw: Column) -> ParsedField:
    """Parse `-?[0-9]+(.[0-9]+)?`, half up to two decimals. The sign is checked before rounding, the limit after.

    For three texts in the column price:

        1.005         1.01
        -0.004        null  price_negative
        99999999.995  null  price_too_large
    """
    faults = ("not_a_number", *(("out_of_range", "out_of_range") if column.bounds else ("negative", "too_large")))
    not_a_number, negative, too_large = (Reason(f"{column.name}_{fault}") for fault in faults)
    quick = raw.try_cast("decimal(10,2)")
    plain = (quick.cast("string") == raw) & (quick >= 0)
    trimmed = _trim(raw)
    grammatical = trimmed.rlike(_NUMBER)
    # Rounding half up uses only the first three decimals. Cutting off the rest keeps text of any length exact.
    cut = F.regexp_replace(trimmed, r"^(-?)0*([0-9]+(?:\.[0-9]{1,3})?)[0-9]*\z", "$1$2").try_cast("decimal(38,3)")
    rounded = F.round(cut, 2)
    below = trimmed.startswith("-") & trimmed.rlike("[1-9]")
    fits = rounded.between(F.lit("-" + _LIMIT).cast("decimal(10,2)"), F.lit(_LIMIT).cast("decimal(10,2)"))
    value = F.when(plain, quick).when(grammatical & ~below & fits, rounded.try_cast("decimal(10,2)"))
    odd = _is_given(raw) & ~F.coalesce(plain, F.lit(False))
    found = (
        (not_a_number, odd & ~grammatical),
        (negative, odd & grammatical & below),
        (too_large, odd & grammatical & ~below & ~F.coalesce(fits, F.lit(False))),
    )
    return ParsedField(value, found, raw.isNull() | plain)


def _parse_timestamp(column: SourceColumn, raw: Column) -> ParsedField:
    """Parse `YYYY-MM-DD`, blank or T, `HH:MM:SS`, a fraction and a zone: ` UTC`, Z, an offset or nothing (UTC).

    The fraction is cut to microseconds. A text in the plain form is plain only if its value, formatted again, gives the
    same text: month 13 has no value, and the year 0000 is formatted as another year.

        2019-10-01 00:00:00 UTC    2019-10-01 00:00:00  plain
        2019-10-01 09:00:00+09:00  2019-10-01 00:00:00  not plain
        2019-02-30 00:00:00 UTC    null                 timestamp_not_a_time
    """
    has_plain_form = raw.rlike(_PLAIN_TIME)
    trimmed = _trim(raw)
    zone = F.regexp_replace(F.regexp_extract(trimmed, _TIME, 4), r"^([+-][0-9]{2})([0-9]{2})\z", "$1:$2")
    iso_text = F.concat(
        F.regexp_replace(trimmed, _TIME, "$1 $2$3"), F.when(zone.isin(" UTC", "", "Z"), F.lit("+00:00")).otherwise(zone)
    )
    value = F.when(has_plain_form, F.substring(raw, 1, 19).try_cast("timestamp")).when(
        trimmed.rlike(_TIME), iso_text.try_cast("timestamp")
    )
    plain = has_plain_form & F.coalesce(F.date_format(value, PLAIN_TIME_FORMAT) == raw, F.lit(False))
    reason = Reason(f"{column.name}_not_a_time")
    return ParsedField(value, ((reason, _is_given(raw) & value.isNull()),), raw.isNull() | plain)


_PARSERS: dict[str, Callable[[SourceColumn, Column], ParsedField]] = {
    "STRING": _parse_text,
    "BIGINT": _parse_integer,
    PRICE: _parse_number,
    "TIMESTAMP": _parse_timestamp,
}
