"""Break every expectation once: the frame that breaks it makes this expectation fail, and no other."""

import inspect
from datetime import date, datetime
from decimal import Decimal
from types import ModuleType

import pandas as pd
import pytest

import expectations
from expectations import (
    cleaned_events,
    deduped_events,
    item_features,
    raw_events,
    user_events,
    user_features,
    user_item_matrix,
)
from spark_jobs import settings, tables
from spark_jobs.builds.verdicts import find_examples
from spark_jobs.delta.storage import Storage
from spark_jobs.tables.source_columns import OPTIONAL
from spark_jobs.transforms.hour_measures import hour_measures
from spark_jobs.transforms.measures import measures
from spark_jobs.validation import great_expectations
from spark_jobs.validation.hours import select_limits
from tests.events import event_row

EVENT = event_row(item_id=2, session_id="s-1", price="1.00", category_id=7, category_code="a.b", brand="acme")
STAMP = {"as_of": date(2019, 10, 1), "built_at": datetime(2019, 10, 2)}
SEEN = {"first_seen": datetime(2019, 10, 1, 9), "last_seen": datetime(2019, 10, 1, 10)}
COUNTS = {"total_events": 2, "view_count": 2, "cart_count": 0, "purchase_count": 0, "rating_count": 0}
USER = COUNTS | SEEN | STAMP | {"user_id": 1, "unique_items": 1, "avg_price": Decimal(1), "total_spent": Decimal(0)}
USER |= {"avg_purchase_amount": None, "active_days": 1, "purchase_frequency": Decimal(0), "preferred_category": 7}
USER |= {"category_preference": [{"category_id": 7, "share": 1.0}], "preferred_time": "morning"}
ITEM = COUNTS | SEEN | STAMP | {"item_id": 2, "unique_users": 1, "unique_purchasers": 0, "avg_rating": None}
ITEM |= {"avg_price": Decimal(1), "price_range": "budget", "popularity_score": 0.5, "category_id": 7}
ITEM |= {"category_code": "a.b", "brand": "acme"}
CELL = {"user_index": 0, "item_index": 0, "score": 1.0, "user_id": 1, "item_id": 2} | STAMP
REVERSED = {"first_seen": datetime(2019, 10, 1, 11)}

# For each suite: its table, a valid row, for each rule a change that breaks it, and the measures that the jobs add,
# each with a value that breaks its expectation.
SUITES = {
    user_events: (
        tables.USER_EVENTS,
        EVENT,
        {
            "id_not_positive": {"item_id": 0},
            "event_type_not_allowed": {"event_type": "VIEW"},
            "price_negative": {"price": Decimal("-0.01")},
            "rating_out_of_range": {"rating": Decimal("5.01")},
            "date_not_of_timestamp": {"event_date": date(2019, 10, 2)},
            "blank_text": {"brand": " "},
        },
        {},
    ),
    deduped_events: (
        tables.DEDUPED_EVENTS,
        EVENT,
        {"date_not_of_timestamp": {"event_date": date(2019, 10, 2)}},
        {"keys_lost": 1, "dropped_share": 0.51},
    ),
    cleaned_events: (
        tables.CLEANED_EVENTS,
        EVENT | {"price_source": "given", "rating_source": "none"},
        {
            "price_source_unknown": {"price_source": "guess"},
            "rating_source_unknown": {"rating_source": "guess", "rating": Decimal(3)},
            "price_without_source": {"price": None},
            "rating_without_source": {"rating_source": "given"},
            "price_not_positive": {"price": Decimal(0)},
            "rating_out_of_range": {"rating": Decimal("0.99"), "rating_source": "given"},
        },
        {"rows_lost": 1, "keys_changed": 1, "repaired_share": 0.11},
    ),
    user_item_matrix: (
        tables.USER_ITEM_MATRIX,
        CELL,
        {"score_not_positive": {"score": 0.0}, "number_negative": {"user_index": -1}},
        {"numbers_beyond_index": 1, "score_lost": 0.5},
    ),
    user_features: (
        tables.USER_FEATURES,
        USER,
        {
            "counts_do_not_add_up": {"view_count": 1},
            "money_negative": {"total_spent": Decimal("-0.01")},
            "days_not_plausible": {"active_days": 2},
            "times_reversed": REVERSED,
            "share_out_of_range": {"category_preference": [{"category_id": 7, "share": 1.1}]},
            "time_unknown": {"preferred_time": "night"},
        },
        {"events_lost": 1},
    ),
    item_features: (
        tables.ITEM_FEATURES,
        ITEM,
        {
            "counts_do_not_add_up": {"view_count": 1},
            "users_not_plausible": {"unique_users": 3},
            "score_out_of_range": {"popularity_score": 1.1},
            "range_without_price": {"price_range": None},
            "rating_out_of_range": {"avg_rating": Decimal("5.1")},
            "times_reversed": REVERSED,
        },
        {"events_lost": 1},
    ),
}


def build_suite(suite: ModuleType) -> expectations.Suite:
    """Return a suite with the default settings, whatever its module needs of them."""
    chosen = settings.load()
    needs = {"types": chosen.events.names, "limits": select_limits(chosen)}
    return suite.suite(**{name: needs[name] for name in inspect.signature(suite.suite).parameters})


def find_failed(verdict: great_expectations.Verdict) -> dict[str, list[str]]:
    """Return the measures that failed or warned, by window key."""
    return {
        key: [name for name, outcome in outcomes.items() if outcome in ("failed", "warning")]
        for key, outcomes in verdict.outcomes.items()
    }


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__.rpartition(".")[2])
def test_each_expectation_fails_only_on_the_frame_that_breaks_it(spark, tmp_path, suite):
    table, good, rules, added = SUITES[suite]
    cases = {"good": [good]} | {name: [good | change] for name, change in rules.items()}
    cases |= {f"null_{name}": [good | {name: None}] for name in table.required}
    cases |= {"repeated_keys": [good, good]} if table.key and "keys_changed" not in added else {}
    cases |= {name: [good] for name in added}
    frames = [(case, Storage(spark, "").frame(table, rows)) for case, rows in cases.items()]
    frame = frames[0][1].selectExpr("*", f"'{frames[0][0]}' AS unit")
    for case, rows in frames[1:]:
        frame = frame.union(rows.selectExpr("*", f"'{case}' AS unit"))
    built = build_suite(suite)
    found = measures(frame, table, built.rules, ["unit"]).toPandas()
    for name, value in added.items():
        found[name] = [value if key == name else 0 for key in found["unit"]]
    verdict = great_expectations.judge(built, found, str(tmp_path), docs_days=7)
    assert find_failed(verdict) == {case: [] if case == "good" else [case] for case in cases}
    assert {one.measure for one in built.expected} == cases.keys() - {"good"}


def test_a_failed_rule_shows_up_to_three_rows(spark):
    rows = [EVENT | {"item_id": 0, "user_id": user} for user in range(1, 6)]
    frame = Storage(spark, "").frame(tables.USER_EVENTS, [EVENT, *rows])
    shown = find_examples(frame, tables.USER_EVENTS, "id_not_positive", user_events.suite(TYPES).rules)
    assert len(shown) == 3 and all('"item_id":0' in text for text in shown)


HOUR = datetime(2019, 10, 1, 9)
NORMAL = {"rejected_rows": 0, "ignored_rows": 0, "view_events": 1900, "cart_events": 60, "purchase_events": 30}
NORMAL |= {"raw_rows": 2000, "rating_events": 10, "file_id": 1}
NORMAL |= {f"missing_{name}": 0 for name in OPTIONAL}
# For each expectation of the raw suite, counts that break it: of 2,000 rows, one more than the limit allows.
BREAKS = {
    "reject_share": {"rejected_rows": 201},
    "missing_rating_share": {"missing_rating": 2},
    "missing_category_id_share": {"missing_category_id": 201},
    "missing_category_code_share": {"missing_category_code": 901},
    "missing_brand_share": {"missing_brand": 501},
    "missing_session_id_share": {"missing_session_id": 201},
    "missing_price_share": {"missing_price": 201},
    "expected_view_rows": {"view_events": 0},
    "expected_cart_rows": {"cart_events": 0},
    "expected_purchase_rows": {"purchase_events": 0},
    "required_columns_gone": {"file_id": 2},
}
TYPES, RATED = ("view", "cart", "purchase"), ("rating",)
USUAL = {f"usual_{name}_share": 0.2 for name in TYPES} | {"usual_reject_rise": 0.02, "usual_price_drift": 0.5}
BREAKS_USUAL = {f"usual_{name}_share": 0.19 for name in TYPES} | {"usual_reject_rise": 0.021, "usual_price_drift": 0.51}
AT_THE_LIMIT = {
    "good": {},
    "ignored rows count on neither side": {"rejected_rows": 1100, "ignored_rows": 1000},
    "at the limit": {"rejected_rows": 200, "missing_rating": 1, "missing_brand": 500, "missing_category_code": 900},
    "a quiet hour": {"raw_rows": 999, "view_events": 0, "cart_events": 0, "purchase_events": 0, "rating_events": 0},
}


def test_each_expectation_about_raw_hours_fails_only_on_the_counts_that_break_it(tmp_path):
    full = ("user_id", "item_id", "event_type", "timestamp", "session_id", "rating", "price")
    full += ("category_id", "category_code", "brand")
    headers = {1: full, 2: [name for name in full if name != "user_id"]}
    breaks = BREAKS | {name: {} for name in USUAL}
    cases = AT_THE_LIMIT | breaks
    counts = pd.DataFrame([NORMAL | change | {"unit": key, "hour": HOUR} for key, change in cases.items()])
    found = hour_measures(counts, headers, RATED, TYPES, 1000)
    for name, value in USUAL.items():
        found[name] = [value if name != case else BREAKS_USUAL[name] for case in found["unit"]]
    suite = raw_events.suite(select_limits(settings.load()))
    verdict = great_expectations.judge(suite, found, str(tmp_path), docs_days=7)
    assert find_failed(verdict) == {case: [case] if case in breaks else [] for case in cases}
    assert {one.measure for one in suite.expected} == breaks.keys()
    assert set(verdict.failed) == {"reject_share", "required_columns_gone"}  # the others warn
    before = {row["unit"]: suite.find_broken(row) for row in found.to_dict("records")}
    assert before == {key: verdict.broken.get(key, []) for key in cases}


def test_a_failure_shows_its_rows_and_the_rows_that_they_are_a_share_of(tmp_path):
    """Of 2,000 rows, 1,000 have an ignored type, 10 are ratings and 200 are in a file without a column for brands."""
    full = ("user_id", "item_id", "event_type", "timestamp", "session_id", "rating", "price", "category_id", "brand")
    few = dict.fromkeys(NORMAL, 0) | {"raw_rows": 200, "file_id": 2, "missing_brand": 200}
    parts = [
        NORMAL
        | {"raw_rows": 1800, "rejected_rows": 1150, "ignored_rows": 1000, "missing_brand": 501, "missing_rating": 2},
        NORMAL | few | {"view_events": 200},
    ]
    counts = pd.DataFrame([part | {"unit": "u", "hour": HOUR} for part in parts]).assign(null_user_id=7)
    found = hour_measures(counts, {1: full, 2: full[:-1]}, RATED, TYPES, 1000)
    found = found.assign(**USUAL | {"usual_cart_share": 0.1, "usual_cart_rows": 600, "usual_reject_rise": 0.1})
    chosen = settings.load(["quality.max_reject_share=0.1", "quality.max_null_share.category_code=0"])
    verdict = great_expectations.judge(raw_events.suite(select_limits(chosen)), found, str(tmp_path), docs_days=7)
    shown = {
        text.rpartition("'")[0].lstrip("'"): text.rpartition(": ")[2]
        for text in verdict.failed["u"] + verdict.warned["u"]
    }
    assert shown == {
        "at most 10% of the rows rejected": "150 of 1,000 rows",
        "rating missing in at most 10% of the rating events": "2 of 10 rows",
        "brand missing in at most 25% of the rows": "501 of 1,800 rows",
        "at least 20% of the cart events that the same hour of the 4 weeks before had": "60 of 600 rows",
        "at most 2% more of the rows rejected than in the same hour of the 4 weeks before": "150 of 1,000 rows",
    }
    valid = user_events.suite(chosen.events.names)
    assert {one.of for one in valid.expected} == {"valid_rows"} and found["valid_rows"].tolist() == [850]
    found = found.assign(**{one.measure: 0 for one in valid.expected} | {"null_user_id": 7})
    assert great_expectations.judge(valid, found, str(tmp_path), 7).failed["u"] == [
        "'user_id is never null' failed: 7 of 850 rows"
    ]


@pytest.mark.parametrize(("further", "wrong"), [([], "<>"), (["wishlist"], ">")])
def test_counts_by_type_are_compared_with_the_total_of_all_types(further, wrong):
    """The features have no column for a type that the settings add; its events are in the total only."""
    rule = user_features.suite(["view", "cart", "rating", "purchase", *further]).rules["counts_do_not_add_up"]
    assert rule.broken == f"view_count + cart_count + rating_count + purchase_count {wrong} total_events"


def test_dropped_rows_are_shown_with_the_number_of_rows_before(tmp_path):
    """28 of 32 rows are dropped, 4 are kept."""
    built = deduped_events.suite()
    row = {one.measure: 0 for one in built.expected} | {"unit": "u", "rows": 4, "rows_in": 32, "dropped": 28}
    verdict = great_expectations.judge(
        built, pd.DataFrame([row | {"dropped_share": 28 / 32}]), str(tmp_path), docs_days=7
    )
    assert verdict.warned["u"] == ["'at most 50% of the rows dropped as duplicates' failed: 28 of 32 rows"]


@pytest.mark.parametrize("suite", [*SUITES, raw_events], ids=lambda suite: suite.__name__.rpartition(".")[2])
def test_a_measure_that_is_not_a_number_of_rows_shows_no_rows(suite):
    no_counts = {"keys_changed", "numbers_beyond_index", "score_lost", "required_columns_gone"}
    for one in build_suite(suite).expected:
        assert (one.rows is None) == (one.measure in no_counts), one.measure
        if one.measure.endswith("_share"):
            assert one.rows and one.of and one.of != one.rows


def test_a_column_that_no_file_has_is_not_validated(tmp_path):
    counts = pd.DataFrame([NORMAL | {"missing_brand": 2000, "unit": "u", "hour": HOUR}])
    headers = {1: ("user_id", "item_id", "event_type", "timestamp")}
    found = hour_measures(counts, headers, RATED, TYPES, 1000).assign(**USUAL)
    verdict = great_expectations.judge(build_suite(raw_events), found, str(tmp_path), docs_days=7)
    assert find_failed(verdict) == {"u": []}
    assert verdict.outcomes["u"]["missing_brand_share"] == "not judged"


def test_every_expectation_suite_is_tested_here():
    from pathlib import Path

    modules = {path.stem for path in Path(expectations.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules == {suite.__name__.rpartition(".")[2] for suite in (*SUITES, raw_events)}
