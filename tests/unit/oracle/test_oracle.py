"""Compare the DuckDB oracle with figures of the cases, worked out by hand. Needs no Spark: `--noconftest` works."""

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal

import pytest

from benchmarks import by_duckdb
from spark_jobs.sample.generate import Span, generate
from tests.oracle_duckdb import Oracle, compute
from tests.oracle_duckdb.reader import split_record
from tests.oracle_duckdb.rows import parse_time, validate_row
from tests.project import ROOT

CASES = ROOT / "tests" / "cases"
NINE = datetime(2019, 10, 1, 9)


def compute_case(name: str, **options) -> Oracle:
    """Compute the tables of one case file, and check that raw = good + rejected + not committed."""
    oracle = compute([CASES / name], **options)
    committed = oracle.user_events.num_rows + oracle.rejected_events.num_rows
    waiting = sum(oracle.raw_counts[hour] for hour in oracle.stopped_hours)
    # Undated rows are always committed, so only dated rows wait.
    assert sum(oracle.raw_counts.values()) == committed + waiting
    return oracle


def sorted_rows(table, *columns: str) -> list[tuple]:
    """Return the sorted rows of some columns, None first."""
    rows = [tuple(row[name] for name in columns) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: [(value is not None, value) for value in row])


def test_c01_only_records_with_as_many_fields_as_the_header_are_good():
    oracle = compute_case("c01-fields.csv")
    assert oracle.raw_counts == {NINE: 2, None: 4} and oracle.stopped_hours == []
    assert sorted_rows(oracle.user_events, "session_id", "timestamp") == [
        ("s-1", datetime(2019, 10, 1, 9, 1)),
        ("s-2", datetime(2019, 10, 1, 9, 5)),
    ]
    row = "2019-10-01 09:0{}:00 UTC,view,1001,2053013555631882655,electronics.smartphone,acme,10.00,501"
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    rejected = oracle.rejected_events.to_pylist()
    assert {r["raw_text"] for r in rejected} == {
        row.format(2),
        row.format(3) + ",s-1,",
        row.format(4) + ",s-1,surplus",
        header,
    }
    assert {(r["hour"], r["file_name"], *r["reasons"]) for r in rejected} == {
        (None, "c01-fields.csv", "malformed_record")
    }


def test_c03_columns_are_found_by_name_after_a_byte_order_mark():
    events = compute_case("c03-reordered-bom.csv").user_events.to_pylist()
    assert len(events) == 2
    assert next(event for event in events if event["user_id"] == 502) == {
        "user_id": 502,
        "item_id": 1002,
        "event_type": "purchase",
        "timestamp": datetime(2019, 10, 1, 9, 2),
        "session_id": "s-2",
        "rating": None,
        "price": Decimal("1002.50"),
        "category_id": 2053013553341792533,
        "category_code": "electronics.clocks",
        "brand": "borealis",
    }


def test_c05_mixed_line_endings_are_all_removed():
    oracle = compute_case("c05-mixed-ends.csv")
    assert oracle.raw_counts == {NINE: 4} and oracle.rejected_events.num_rows == 0
    assert sorted_rows(oracle.user_events, "session_id") == [("s-1",), ("s-2",), ("s-3",), ("s-4",)]


def test_c07_every_gzip_member_is_read_and_a_truncated_file_is_refused():
    oracle = compute_case("c07-two-members.csv.gz")
    assert sorted_rows(oracle.user_events, "session_id") == [("s-1",), ("s-2",), ("s-3",), ("s-4",)]
    with pytest.raises(ValueError, match=r"c07-truncated\.csv\.gz"):
        compute([CASES / "c07-truncated.csv.gz"])


def test_c11_big_ids_keep_every_digit():
    oracle = compute_case("c11-big-ids.csv")
    users = [9007199254740992, 9007199254740993, 1515915625519388267, 1515915625519388268]
    items = [100027682, 9007199254740992, 9007199254740993]
    for table in (oracle.user_events, oracle.user_item_matrix, oracle.user_features):
        assert sorted(set(table["user_id"].to_pylist())) == users
    for table in (oracle.user_events, oracle.user_item_matrix, oracle.item_features, oracle.items):
        assert sorted(set(table["item_id"].to_pylist())) == items
    assert [pair for pair in sorted_rows(oracle.user_events, "item_id", "category_id") if pair[0] == 100027682] == [
        (100027682, None),
        (100027682, 2144415922528452715),
    ]


def test_c13_prices_are_rounded_half_up_before_the_median():
    stopped = compute_case("c13-prices.csv")
    assert stopped.stopped_hours == [NINE]
    assert stopped.user_events.num_rows == stopped.rejected_events.num_rows == stopped.items.num_rows == 0
    oracle = compute_case("c13-prices.csv", accept=True)
    assert sorted_rows(oracle.rejected_events, "hour", "reasons") == [(NINE, ["price_negative"])]
    prices = dict(sorted_rows(oracle.user_events, "session_id", "price"))
    given = {"s-1": "1.01", "s-2": "2.68", "s-3": "0.00", "s-5": "0.00", "s-10": "10.00", "s-11": "0.01"}
    assert prices == {session: Decimal(price) for session, price in given.items()} | {"s-4": None}
    cleaned = sorted_rows(oracle.cleaned_events, "session_id", "price", "price_source")
    assert [row for row in cleaned if row[2] != "given"] == [
        (session, Decimal("1.85"), "item") for session in ("s-3", "s-4", "s-5")
    ]
    assert sorted_rows(oracle.items, "item_id", "price") == [(1001, Decimal("2.68")), (1002, Decimal("0.01"))]


def test_c15_only_empty_fields_are_missing():
    oracle = compute_case("c15-missing-text.csv")
    assert sorted_rows(oracle.user_events, "item_id", "brand") == [
        (1001, None),
        (1002, None),
        (1003, "nan"),
        (1004, "NaN"),
        (1005, "NA"),
        (1009, None),
    ]
    assert sorted_rows(oracle.user_events, "category_code", "session_id")[0] == (None, None)
    names = dict(sorted_rows(oracle.items, "item_id", "name"))
    assert names[1003] == "nan smartphone" and names[1009] == "item 1009" and names[1001] == "smartphone"


def test_c17_times_of_every_format_are_converted_to_utc():
    oracle = compute_case("c17-zones.csv")
    assert oracle.raw_counts == {
        datetime(2019, 3, 10, 2): 1,
        datetime(2019, 3, 31, 2): 1,
        datetime(2019, 9, 30, 19): 1,
        datetime(2019, 9, 30, 23): 1,
        datetime(2019, 10, 1, 0): 2,
        datetime(2019, 10, 27, 0): 1,
        datetime(2019, 10, 27, 1): 1,
        datetime(2019, 11, 3, 5): 1,
        datetime(2019, 11, 3, 6): 1,
    }
    times = dict(sorted_rows(oracle.user_events, "session_id", "timestamp"))
    assert len(times) == 10
    assert times["s-9"] == datetime(2019, 10, 1, 0, 0, 0, 999000)
    assert times["s-10"] == datetime(2019, 9, 30, 23, 59, 59, 999000)


def test_c19_text_is_kept_character_for_character():
    oracle = compute_case("c19-copy-text.csv")
    assert oracle.user_events.num_rows == 13
    brands = ["a\\b", "tab\tx", 'quote"x', "\\.", "\\t", "semi;x", "'single", "$1", "{x}", "100%", "a\\"]
    expected = [*zip(range(1001, 1012), brands, strict=True), (1020, "acme"), (1021, "acme")]
    assert sorted_rows(oracle.items, "item_id", "brand") == expected
    assert sorted_rows(oracle.user_events, "item_id", "session_id")[-2:] == [(1020, "\\."), (1021, "x\\N")]


def test_c23_one_event_per_minute_is_kept_and_ties_have_one_winner():
    assert compute_case("c23-ties.csv").stopped_hours == [NINE]
    oracle = compute_case("c23-ties.csv", accept=True)
    reasons = Counter(reason for (row,) in sorted_rows(oracle.rejected_events, "reasons") for reason in row)
    assert reasons == {"event_type_unknown": 2, "event_type_ignored": 1}
    assert oracle.user_events.num_rows == 11
    assert sorted_rows(oracle.deduped_events, "user_id", "timestamp", "price", "session_id") == [
        (501, datetime(2019, 10, 1, 9, 0, 50), Decimal("4.00"), "s-1"),
        (502, datetime(2019, 10, 1, 9, 0, 30), Decimal("9.00"), "s-b"),
        (503, datetime(2019, 10, 1, 9, 0, 30), Decimal("10.00"), "s-a"),
        (504, datetime(2019, 10, 1, 9, 0, 59), Decimal("10.00"), "s-1"),
        (504, datetime(2019, 10, 1, 9, 1), Decimal("10.00"), "s-1"),
        (505, datetime(2019, 10, 1, 9, 0, 25), Decimal("20.00"), "s-1"),
    ]
    exempt = compute_case("c23-ties.csv", accept=True, exempt={"purchase"})
    assert Counter(exempt.deduped_events["event_type"].to_pylist()) == {"view": 5, "purchase": 2}


def test_c25_scores_add_up_weights_and_a_missing_rating_is_filled():
    oracle = compute_case("c25-matrix.csv")
    assert sorted_rows(oracle.user_item_matrix, "user_id", "item_id", "score") == [
        (7, 4294967297, 14.0),
        (3000000000, 100027682, 1.0),
        (3000000000, 4294967297, 4.0),
        (1515915625519388267, 100027682, 9.0),
    ]
    ratings = sorted_rows(oracle.cleaned_events, "event_type", "user_id", "rating", "rating_source")
    assert [row for row in ratings if row[0] == "rating"] == [
        ("rating", 7, Decimal("4.50"), "item"),
        ("rating", 3000000000, Decimal("4.50"), "given"),
    ]
    assert sorted_rows(oracle.item_features, "item_id", "avg_rating") == [
        (100027682, None),
        (4294967297, Decimal("4.5000")),
    ]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('a,"b,""c""",', ["a", 'b,"c"', ""]),
        ('a"b,\\"', ['a"b', '\\"']),
        (' "a",""', [' "a"', ""]),
        ('a,"b', None),
        ('"a"b,c', None),
    ],
)
def test_quoting_follows_rfc_4180(line, fields):
    assert split_record(line) == fields


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-02-29T23:59:59.9999999-0130", datetime(2020, 3, 1, 1, 29, 59, 999999)),
        ("2019-02-29 00:00:00", None),
        ("2019-10-01 24:00:00", None),
        ("2019-10-01 00:00:00 +00:00", None),
        ("2019-10-01 00:00", None),
    ],
)
def test_only_times_that_follow_the_grammar_are_parsed(text, moment):
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"price": "99999999.994", "rating": "0.995", "brand": "é" * 100, "user_id": " 007\t"}, []),
        ({"price": "99999999.995", "rating": "5.005"}, ["price_too_large", "rating_out_of_range"]),
        ({"price": "-0.001", "rating": "NaN"}, ["price_negative", "rating_not_a_number"]),
        (
            {"price": "1e3", "user_id": "", "item_id": "0"},
            ["item_id_not_positive", "price_not_a_number", "user_id_missing"],
        ),
        ({"category_id": str(2**63), "brand": "\0"}, ["category_id_not_an_integer", "text_not_storable"]),
        ({"timestamp": "2100-01-01 00:00:00", "event_type": " "}, ["event_type_missing", "timestamp_implausible"]),
    ],
)
def test_a_record_gets_exactly_the_reasons_to_reject_it(change, reasons):
    good = {"user_id": "1", "item_id": "2", "event_type": "view", "timestamp": "2019-10-01 00:00:00 UTC"}
    assert validate_row(good | change)[1] == reasons


def test_the_duckdb_script_of_the_benchmark_gives_as_many_rows_as_the_oracle(tmp_path, capsys):
    source = generate(Span(2_000, 24, datetime(2019, 10, 1)), tmp_path)[0]
    by_duckdb.main(str(source), str(tmp_path), 1, "2019-10-01")
    found, oracle = json.loads(capsys.readouterr().out)["rows"], compute([source])
    assert found["user_events"] == 2_000
    for name in ("user_events", "deduped_events", "cleaned_events", "user_item_matrix", "user_features"):
        assert found[name] == getattr(oracle, name).num_rows, name
