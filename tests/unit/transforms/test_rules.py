"""The row rules: text is converted to types, and every reason to reject a row is tested."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.sources import arrow_fast_path
from spark_jobs.sources.csv_records import Header, schema
from spark_jobs.tables import RAW_EVENTS
from spark_jobs.tables.model import Field
from spark_jobs.transforms.parse import parse
from spark_jobs.transforms.reasons import Reason
from spark_jobs.transforms.validate import add_reasons
from tests.events import create_events, event_text
from tests.frames import assert_frames_equal

VALUES = {"time": "09:01:00", "item_id": 1001, "session_id": "s-1", "price": "10.00", "brand": "acme"}
VALUES |= {"category_id": 2053013555631882655, "category_code": "electronics.smartphone"}
GOOD = event_text(**VALUES)
ALLOWED, IGNORED = ("view", "cart", "purchase", "rating"), ("remove_from_cart",)


def validate(spark, changes: list[dict]) -> DataFrame:
    """Parse and validate one row for each change of a good record; `file_id` is the number of the change."""
    columns = list(GOOD)
    schema = ", ".join(f"{name} STRING" for name in columns) + ", line STRING, malformed BOOLEAN, file_id INT, part INT"
    rows = []
    for number, change in enumerate(changes):
        fields = GOOD | change
        fields = dict.fromkeys(columns) if change.get("malformed") else fields
        rows.append(
            (*(fields[name] or None for name in columns), change.get("line"), bool(change.get("malformed")), number, 1)
        )
    records = spark.createDataFrame(rows, schema).withColumn("unfinished", F.lit(False))
    return add_reasons(parse(records, columns), ALLOWED, IGNORED)


def validate_rows(spark, changes: list[dict]) -> list[dict]:
    """Return the validated rows in the order of the changes."""
    return [row.asDict() for row in sorted(validate(spark, changes).collect(), key=lambda row: row.file_id)]


REJECTED = [
    ({"malformed": True, "line": "x,y"}, ["malformed_record"]),
    ({"user_id": None}, ["user_id_missing"]),
    ({"user_id": "  "}, ["user_id_missing"]),
    ({"user_id": "1e3"}, ["user_id_not_an_integer"]),
    ({"user_id": "5.0"}, ["user_id_not_an_integer"]),
    ({"user_id": "+5"}, ["user_id_not_an_integer"]),
    ({"user_id": "9223372036854775808"}, ["user_id_not_an_integer"]),
    ({"user_id": "0"}, ["user_id_not_positive"]),
    ({"user_id": "-7"}, ["user_id_not_positive"]),
    ({"item_id": "NULL"}, ["item_id_not_an_integer"]),
    ({"item_id": ""}, ["item_id_missing"]),
    ({"item_id": "-1"}, ["item_id_not_positive"]),
    ({"category_id": "x"}, ["category_id_not_an_integer"]),
    ({"event_type": None}, ["event_type_missing"]),
    ({"event_type": "View"}, ["event_type_unknown"]),
    ({"event_type": "remove_from_cart"}, ["event_type_ignored"]),
    ({"timestamp": None}, ["timestamp_missing"]),
    ({"timestamp": "2019-02-30 00:00:00 UTC"}, ["timestamp_not_a_time"]),
    ({"timestamp": "2019-10-01 00:00"}, ["timestamp_not_a_time"]),
    ({"timestamp": "2019-10-01 24:00:00 UTC"}, ["timestamp_not_a_time"]),
    ({"timestamp": "2019-10-01 00:00:00 CET"}, ["timestamp_not_a_time"]),
    ({"timestamp": "2019-10-01 00:00:00 UTC\u2028"}, ["timestamp_not_a_time"]),
    ({"timestamp": "1569888000"}, ["timestamp_not_a_time"]),
    ({"timestamp": "9999-01-01 00:00:00 UTC"}, ["timestamp_implausible"]),
    ({"timestamp": "1999-12-31 23:59:59 UTC"}, ["timestamp_implausible"]),
    ({"timestamp": "2100-01-01 00:00:00 UTC"}, ["timestamp_implausible"]),
    ({"price": "1e3"}, ["price_not_a_number"]),
    ({"price": "NaN"}, ["price_not_a_number"]),
    ({"price": "Infinity"}, ["price_not_a_number"]),
    ({"price": "1,234.56"}, ["price_not_a_number"]),
    ({"price": ".5"}, ["price_not_a_number"]),
    ({"price": "-5"}, ["price_negative"]),
    ({"price": "-0.004"}, ["price_negative"]),
    ({"price": "99999999.995"}, ["price_too_large"]),
    ({"price": "1" + "0" * 60}, ["price_too_large"]),
    ({"rating": "good"}, ["rating_not_a_number"]),
    ({"rating": "0.99"}, ["rating_out_of_range"]),
    ({"rating": "5.01"}, ["rating_out_of_range"]),
    ({"rating": "-1"}, ["rating_out_of_range"]),
    ({"brand": "a\0b"}, ["text_not_storable"]),
    ({"session_id": "x" * 51}, ["text_not_storable"]),
    ({"brand": "x" * 101}, ["text_not_storable"]),
    ({"user_id": "x", "price": "y"}, ["user_id_not_an_integer", "price_not_a_number"]),
]


def test_each_rejected_row_has_exactly_its_reasons(spark):
    rows = validate_rows(spark, [change for change, _ in REJECTED])
    assert [row["reasons"] for row in rows] == [reasons for _, reasons in REJECTED]


def test_every_reason_is_tested():
    assert {reason for _, reasons in REJECTED for reason in reasons} == {reason.value for reason in Reason}


def test_rejected_and_altered_rows_keep_their_text_and_other_rows_do_not(spark):
    found = validate(spark, [{}, {"price": "1.005"}, {"user_id": "x"}])
    text = "{},1001,view,2019-10-01 09:01:00 UTC,s-1,,{},2053013555631882655,electronics.smartphone,acme"
    good = VALUES | {"part": 1, "unfinished": False, "reasons": []}
    altered = {"price": "1.01", "raw_text": text.format("501", "1.005")}
    reasons = ["user_id_not_an_integer"]
    rejected = {"user_id": None, "raw_text": text.format("x", "10.00"), "faults": reasons, "reasons": reasons}
    expected = create_events(
        spark,
        good | {"file_id": 0},
        good | {"file_id": 1} | altered,
        good | {"file_id": 2} | rejected,
        table=replace(RAW_EVENTS, fields=(*RAW_EVENTS.fields, Field("reasons", "ARRAY<STRING>", ""))),
    )
    assert_frames_equal(found, expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.005", "1.01"),
        ("2.675", "2.68"),
        ("0.005", "0.01"),
        ("0.004", "0.00"),
        ("1.00499999999999999999", "1.00"),
        ("0", "0.00"),
        ("-0", "0.00"),
        (" 007.5 ", "7.50"),
        ("99999999.994", "99999999.99"),
    ],
)
def test_prices_are_rounded_half_up_to_cents(spark, text, value):
    row = validate_rows(spark, [{"price": text}])[0]
    assert (row["price"], row["reasons"]) == (Decimal(value), [])


def test_every_accepted_time_format_gives_the_same_instant(spark):
    forms = [
        "2019-10-01 00:00:00 UTC",
        "2019-10-01 00:00:00+00:00",
        "2019-10-01T00:00:00Z",
        "2019-10-01 00:00:00",
        "2019-10-01 09:00:00+09:00",
        "2019-09-30T19:30:00-0430",
        " 2019-10-01 00:00:00 UTC ",
    ]
    assert {row["timestamp"] for row in validate_rows(spark, [{"timestamp": form} for form in forms])} == {
        datetime(2019, 10, 1)
    }


def test_fractions_of_a_second_are_cut_to_microseconds(spark):
    row = validate_rows(spark, [{"timestamp": "2019-10-01 00:00:00.1234567 UTC"}])[0]
    assert row["timestamp"] == datetime(2019, 10, 1, 0, 0, 0, 123456)


def test_only_an_empty_field_is_missing_and_words_such_as_null_are_text(spark):
    rows = validate_rows(spark, [{"brand": text} for text in (None, "  ", "nan", "NaN", "NA", "NULL", "\\N")])
    assert [row["brand"] for row in rows] == [None, None, "nan", "NaN", "NA", "NULL", "\\N"]


def test_ids_beyond_2_to_the_53_keep_every_digit(spark):
    row = validate_rows(spark, [{"user_id": "1515915625519388267", "item_id": "9007199254740993"}])[0]
    assert (row["user_id"], row["item_id"]) == (1515915625519388267, 9007199254740993)


PLAIN = {
    "user_id": ["1", "-7", "0", "999999999999999999", "8999999999999999999"],
    "event_type": ["cart", "View", "no such type"],
    "timestamp": ["2000-01-01 00:00:00 UTC", "2019-10-28 23:59:59 UTC"],
    "price": [None, "0.00", "0.05", "99999999.99"],
    "rating": ["4.50", "9.00"],
    "brand": [None, "nan", "a b ", "\u00a0"],
}
NOT_PLAIN = {
    "user_id": ["007", "+1", "1.0", " 1", "-0", "9223372036854775807", "9223372036854775808", "\u0661", "x"],
    "event_type": [" cart", "cart\t", " "],
    "timestamp": [
        "2019-02-30 00:00:00 UTC",
        "2019-10-01T00:00:00 UTC",
        "2019-10-01 24:00:00 UTC",
        "1999-01-01 00:00:00 UTC",
        "2019-10-01 00:00:00",
    ],
    "price": ["1", "1.5", "1.005", "-1.00", "01.00", "100000000.00", "1e3"],
    "rating": ["4"],
    "brand": [" ", " acme", "\t"],
}


def test_the_arrow_fast_path_gives_the_same_rows_as_parsing_the_text(spark):
    changes = [{}] + [{name: text} for texts in (PLAIN, NOT_PLAIN) for name, each in texts.items() for text in each]
    columns = tuple(GOOD)
    marks = {"line": None, "malformed": False, "unfinished": False, "part": 1}
    rows = [GOOD | change | marks | {"file_id": number} for number, change in enumerate(changes)]
    rows.append(dict.fromkeys(columns) | marks | {"malformed": True, "line": "x,y", "file_id": len(rows)})
    rows.append(GOOD | marks | {"line": '"501",1001', "file_id": len(rows)})
    batch = pa.RecordBatch.from_pylist(rows, schema(Header(columns, columns)))
    typed = arrow_fast_path.parse_plain(batch, columns)
    plain_ones = 1 + sum(map(len, PLAIN.values()))
    assert typed.column("typed").to_pylist() == [number < plain_ones for number in range(len(rows))]
    frames = (spark.createDataFrame(pa.Table.from_batches([each])) for each in (batch, typed))
    of_text, of_values = (parse(frame, columns).orderBy("file_id").collect() for frame in frames)
    assert of_values == of_text


def test_the_arrow_fast_path_skips_days_after_the_28th_if_the_batch_has_a_nonexistent_day():
    def convert_times(*times: str) -> list[bool]:
        marks = {"line": None, "malformed": False, "unfinished": False, "file_id": 1, "part": 1}
        rows = [{"timestamp": f"{time} 00:00:00 UTC"} | marks for time in times]
        batch = pa.RecordBatch.from_pylist(rows, schema(Header(("timestamp",), ("timestamp",))))
        return arrow_fast_path.parse_plain(batch, ("timestamp",)).column("typed").to_pylist()

    assert convert_times("2020-02-29", "2019-10-31") == [True, True]
    assert convert_times("2020-02-29", "2019-02-29", "2019-10-28") == [False, False, True]
