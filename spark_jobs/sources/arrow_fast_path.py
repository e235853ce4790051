"""Arrow fast path: gives types to records in plain form in bulk. Nearly all are plain, and it is faster than `parse`.

A record is plain where every value, formatted again, gives its original text. `parse` would give the same values for
it, with no fault and no raw text. All other records keep their text, and `parse` types them.

Why each type has a pattern here, although `parse` has its grammar: this is only the plain form. The grammar accepts
more (blanks, leading zeros, other forms of a time), and must do so in Spark. Arrow needs the pattern before it converts
a text, because its conversion fails for the whole column where one text does not fit.
"""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.sources.csv_records import BLANKS
from spark_jobs.tables.model import PRICE
from spark_jobs.tables.source_columns import EVENT

Typed = tuple[pa.Array, pa.Array]  # which texts are plain (null: no text), and their values

INTEGER = r"^(0|-?([1-9][0-9]{0,17}|[1-8][0-9]{18}))$"
NUMBER = r"^(0|[1-9][0-9]{0,7})\.[0-9]{2}$"
# Every text that matches TIME is a valid time. Other times (the 29th and later, other years) are left to `parse`.
TIME = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] UTC$"
# This pattern adds the 29th to the 31st. A text may match it and still not be a valid time.
LATE_TIME = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] UTC$"
CLOCK = len("2019-10-01 00:00:00")


def list_fields(columns: Sequence[str]) -> dict[str, pa.DataType]:
    """Return name and type of each column that `parse_plain` adds for a header with these columns."""
    return {f"typed_{name}": TYPES[name][0] for name in columns if name in TYPES} | {"typed": pa.bool_()}


def parse_plain(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Return a batch of `csv_records.read_split` with `typed` (the record is plain) and the values of plain records.

    The text of a plain record is removed where a value replaces it.
    """
    plain = pc.and_(pc.is_null(batch.column("line")), pc.invert(batch.column("malformed")))
    values: dict[str, pa.Array] = {}
    for name in columns:
        text = batch.column(name)
        if name in TYPES:
            fits, values[name] = TYPES[name][1](text)
        else:
            fits = _TEXTS.get(name, pc.is_null)(text)
        plain = pc.and_(plain, pc.fill_null(fits, True))
    arrays = {name: batch.column(name) for name in batch.schema.names}
    for name, value in values.items():
        arrays[name] = _keep_where(pc.invert(plain), arrays[name])
        arrays[f"typed_{name}"] = _keep_where(plain, value)
    return pa.RecordBatch.from_pydict(arrays | {"typed": plain})


def _make_converter(kind: pa.DataType, pattern: str) -> Callable[[pa.Array], Typed]:
    def convert(text: pa.Array) -> Typed:
        fits = pc.match_substring_regex(text, pattern)
        return fits, pc.cast(_keep_where(fits, text), kind)

    return convert


def _convert_time(text: pa.Array) -> Typed:
    try:
        return _convert_matching_times(text, LATE_TIME)
    except pa.ArrowInvalid:  # for example 30 February
        return _convert_matching_times(text, TIME)


def _convert_matching_times(text: pa.Array, pattern: str) -> Typed:
    fits = pc.match_substring_regex(text, pattern)
    clock = pc.utf8_slice_codeunits(_keep_where(fits, text), 0, CLOCK)
    return fits, pc.cast(clock, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))


def _keep_where(condition: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def _begins_with_text(text: pa.Array) -> pa.Array:
    first = [pc.starts_with(text, blank) for blank in BLANKS]
    return pc.invert(pc.or_(*first))


def _is_trimmed(text: pa.Array) -> pa.Array:
    last = [pc.ends_with(text, blank) for blank in BLANKS]
    return pc.and_(_begins_with_text(text), pc.invert(pc.or_(*last)))


_CONVERTERS = {
    "BIGINT": (pa.int64(), _make_converter(pa.int64(), INTEGER)),
    PRICE: (pa.decimal128(10, 2), _make_converter(pa.decimal128(10, 2), NUMBER)),
    "TIMESTAMP": (pa.timestamp("us", "UTC"), _convert_time),
}
TYPES = {column.name: _CONVERTERS[column.type] for column in EVENT if column.type != "STRING"}
_TEXTS = {
    column.name: _is_trimmed if column.trimmed else _begins_with_text for column in EVENT if column.type == "STRING"
}
