"""Settings and windows: values have types, and wrong values are refused by name."""

import re
from datetime import datetime
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spark_jobs.errors import SettingsError
from spark_jobs.settings import load, load_with_origins
from spark_jobs.settings.event_types import BASE_TYPES, EventType
from spark_jobs.settings.rules import Range, Rule
from spark_jobs.settings.types import Quality, Settings
from spark_jobs.tables.recommender import COUNTS
from spark_jobs.windows import DAY, HOUR, Window, describe, parse, ranges
from tests.project import ROOT

NOW = datetime(2026, 11, 25, 5, 42)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("paths.rwa=x", "unknown setting paths.rwa; did you mean paths.raw?"),
        ("quality.max_null_share.user_id=0.1", r"must have no user_id \(known here: brand, category_code, "),
        ("quality.max_null_share=0.1", "quality.max_null_share must be a section"),
        ("quality.max_null_share={brand=0.1}", "must have a value for default"),
        ("quality.max_reject_share='much'", "quality.max_reject_share must be float"),
        ("quality.max_reject_share=2", "between 0 and 1"),
        ("events.types.view.weight='1'", "events.types.view.weight must be float"),
        ("matrix.weights.view='1'", "events.types.view.weight must be float"),  # its name until events.types
        ("matrix.weights.click=1.0", "unknown event type click; add it with events.types.click"),
        ("events.types.wishlist={}", "events.types.wishlist.weight is missing"),
        ("events.types.wishlist={weigth=2}", "did you mean events.types.wishlist.weight?"),
        ("events.types.Wishlist={weight=2}", "events.types.Wishlist must have a name of at most 20 lower-case letters"),
        ("events.types={view={weight=1}}", "events.types must have cart, rating, purchase too"),
        ("events.types.view=1", "events.types.view must be a section"),
        ("events.allowed_types=['click']", "unknown event type click"),
        ("nothing", "write it as section.key=value"),
        ("features.price_range.mid=20.0", "must rise"),
        ("paths.warehouse='/tmp/`x`'", "must be an address without a `"),
        ("retention.rebuild_days=60", "between 7 and 29"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(override, says):
    with pytest.raises(SettingsError, match=says):
        load([override])


NULL_SHARES = ("default", "category_code", "brand")  # the keys that conf/settings.toml has


def declared_types(cls: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Return the declaration of each setting, by its full name."""
    found = {}
    for key, field in cls.model_fields.items():
        name, kind = prefix + (field.alias or key), field.annotation
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        found |= declared_types(kind, f"{name}.") if is_section else {name: field}
    return found


OF_VIEWS = {f"events.types.view.{name}": field for name, field in EventType.model_fields.items()}
OF_NULLS = FieldInfo.from_annotation(get_args(Quality.model_fields["max_null_share"].annotation)[1])
SECTIONS = {"events.types", "quality.max_null_share"}  # their keys are names of types and of columns
SETTINGS = {name: field for name, field in declared_types(Settings).items() if name not in SECTIONS} | OF_VIEWS
SETTINGS |= {f"quality.max_null_share.{name}": OF_NULLS for name in NULL_SHARES}
NUMBERS = [name for name, field in SETTINGS.items() if field.annotation in (int, float)]


def values_out_of_range(name: str) -> list[str]:
    """Return values just outside the range of a number, as TOML."""
    (rule,) = SETTINGS[name].metadata
    step = 1 if SETTINGS[name].annotation is int else 10.0 ** -(rule.decimals or 3)
    return [
        f"{value:.7f}" if isinstance(value, float) else str(value) for value in (rule.least - step, rule.most + step)
    ]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_its_range_is_refused_with_the_range(name, tmp_path):
    says, named = re.escape(f"{SETTINGS[name].metadata[0].explain_fault(float('nan'))}, not "), re.escape(name)
    is_whole = SETTINGS[name].annotation is int
    wrong = [*values_out_of_range(name), "-1", "1e12", *(() if is_whole else ("nan", "inf", "-inf", "1" + "0" * 400))]
    for text in wrong:
        with pytest.raises(SettingsError, match=f"setting {named} must (be int|{says})"):
            load([f"{name}={text}"])
    for text in ("true", "'1'", "[1]", "{a = 1}"):
        with pytest.raises(SettingsError, match=f"setting {named} must be (int|float), not "):
            load([f"{name}={text}"])
    file = tmp_path / "settings.toml"
    file.write_text(change_number(name, wrong[1]))
    with pytest.raises(SettingsError, match=f"settings.toml: setting {named} must {says}"):
        load(file=file)


def change_number(name: str, text: str) -> str:
    """Return the project's settings file with another number for a setting."""
    section, _, key = name.rpartition(".")
    lines = (ROOT / "conf" / "settings.toml").read_text()
    section, line = ("events.types", r"view = \{.*?") if section == "events.types.view" else (section, "")
    here = lines.index(f"[{section}]")
    return lines[:here] + re.sub(rf"(?m)^({line}){key} = [0-9.]+", rf"\g<1>{key} = {text}", lines[here:], count=1)


def test_every_setting_has_a_rule():
    assert len(NUMBERS) > 20 and all(isinstance(SETTINGS[name].metadata[0], Range) for name in NUMBERS)
    without = [name for name, field in SETTINGS.items() if not any(isinstance(rule, Rule) for rule in field.metadata)]
    assert without == ["events.types.view.rated"]  # true or false


def test_the_feature_tables_have_a_count_of_each_basic_type():
    assert {f"{name}_count" for name in BASE_TYPES} == {field.name for field in COUNTS}


def test_a_settings_file_of_an_earlier_version_gives_the_same_types(tmp_path):
    text = (ROOT / "conf" / "settings.toml").read_text()
    types, weights = text[text.index("[events.types]") : text.index("[quality]")], "purchase = 5.0\nview = 1.5\n"
    earlier = text.replace(types, 'allowed_types = ["view", "cart", "purchase", "rating"]\n\n')
    file = tmp_path / "settings.toml"
    file.write_text(earlier + f"\n[matrix.weights]\n{weights}cart = 3.0\nrating = 4.0\n")
    found, now = load(file=file).events, load(["events.types.view.weight=1.5"]).events
    assert (found.types, found.funnel, found.rated) == (now.types, now.funnel, now.rated)
    assert set(found.allowed_types) == set(now.allowed_types) and list(found.weights) == list(now.weights)


def test_an_event_type_is_added_by_one_setting():
    events = load(["events.types.wishlist={weight=2, funnel=2, rated=true}"]).events
    assert events.names == ("view", "cart", "rating", "purchase", "wishlist") == events.allowed_types
    assert (events.added, events.rated, events.weights["wishlist"]) == (("wishlist",), ("rating", "wishlist"), 2.0)
    assert events.funnel == ("view", "cart", "wishlist", "purchase")


def test_a_variable_overrides_the_file_and_an_argument_overrides_both(monkeypatch):
    monkeypatch.setenv("PIPELINE_QUALITY__MAX_NULL_SHARE__BRAND", "0.5")
    monkeypatch.setenv("PIPELINE_MATRIX__TRAILING_DAYS", "30")
    monkeypatch.setenv("PIPELINE_LOGS", "/tmp/x")  # not a setting
    settings, origins = load_with_origins(["matrix.trailing_days=7"])
    assert (settings.quality.max_null_share["brand"], settings.matrix.trailing_days) == (0.5, 7)
    assert origins == {
        "quality.max_null_share.brand": "PIPELINE_QUALITY__MAX_NULL_SHARE__BRAND",
        "matrix.trailing_days": "--set matrix.trailing_days=7",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [("2", "must lie between 0 and 1, not 2"), ("much", "must be float, not 'much'")],
)
def test_a_wrong_variable_is_named_in_the_sentence(monkeypatch, text, says):
    monkeypatch.setenv("PIPELINE_QUALITY__MAX_REJECT_SHARE", text)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value) == f"PIPELINE_QUALITY__MAX_REJECT_SHARE: setting quality.max_reject_share {says}."


@pytest.mark.parametrize("name", [name for name in SETTINGS if name.startswith("paths.")])
@pytest.mark.parametrize("text", ["''", "' '", '"a\\u0000b"'])
def test_a_path_that_names_no_folder_is_refused(name, text):
    with pytest.raises(SettingsError, match=f"setting {name} must name a folder, not "):
        load([f"{name}={text}"])


@pytest.mark.parametrize(
    "wrong",
    [
        *(f"paths.{name}=s3a://bucket/x" for name in ("database", "quality", "processed", "reports", "metrics")),
        *("paths.lineage=hdfs://name/x", "paths.logs=file:///tmp/x", "schema.new_column=''", "schema.lost_column=drop"),
        *("events.allowed_types=[]", "events.allowed_types=['view', 'view']", "events.allowed_types=['View']"),
        *("events.allowed_types='view'", "events.allowed_types=['view', '']", "events.allowed_types=['view', 1]"),
        *("events.ignored_types=['']", "events.ignored_types=[' like']", "events.ignored_types=['a', 'b', 'a']"),
        *("events.ignored_types=['cart']", "events.expected_types=['like']", "events.expected_types=['cart', 'cart']"),
        *("duplicates.exempt_types=['cart', 'cart']", "duplicates.exempt_types=['like']"),
        *("usual.known_weeks=5", "usual.weeks=1", "features.popularity_views=0.31", "features.popularity_purchases=1"),
        *("features.price_range.budget=100", "features.price_range.premium=100.0", "features.price_range.mid=30.00001"),
        *(f"events.types.view.weight={text}" for text in ("0.0000001", "1.0000001", "0")),
    ],
)
def test_meaningless_values_are_refused_by_name(wrong):
    name = wrong.partition("=")[0]
    shown = {"usual.weeks": "usual.known_weeks", "features.popularity_purchases": "features.popularity_views"}
    shown |= {f"features.price_range.{limit}": "features.price_range" for limit in ("budget", "premium")}
    with pytest.raises(SettingsError, match=f"setting {shown.get(name, name)}\\b.* must "):
        load([wrong])


@pytest.mark.parametrize(
    "right",
    [
        *(
            "events.types.view.weight=0.3",
            "events.types.view.weight=0.000001",
            "events.types.view.weight=1000000",
            "matrix.weights.view=1",
        ),
        *("features.popularity_views=0.29999", "features.popularity_views=0", "matrix.trailing_days=30"),
        *("events.ignored_types=[]", "events.expected_types=[]", "events.ignored_types=['wish list']"),
        *("usual.weeks=2", "usual.known_weeks=4", "quality.max_reject_share=1", "schedule.wait_hours=0"),
        *("features.price_range.premium=99999999.99", "duplicates.exempt_types=['purchase', 'cart']"),
    ],
)
def test_values_at_the_limits_are_accepted(right):
    load([right])


def test_the_name_of_a_folder_may_consist_of_digits():
    assert load(["paths.warehouse=2019"]).paths.warehouse.endswith("/2019")


def test_a_missing_key_is_refused_by_name(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[paths]\nraw = 'x'\n")
    with pytest.raises(SettingsError, match="setting schema is missing"):
        load(file=file)
    file.write_text((ROOT / "conf" / "settings.toml").read_text().replace("\ndefault = 0.10", ""))
    with pytest.raises(SettingsError, match=r"setting quality\.max_null_share must have a value for default"):
        load(file=file)


def test_each_optional_column_has_a_limit_for_missing_values():
    quality = load(["quality.max_null_share.rating=0.5"]).quality
    assert [quality.find_max_null_share(name) for name in ("rating", "brand", "price")] == [0.5, 0.25, 0.1]


@pytest.mark.parametrize(
    ("start", "end", "duration", "expected"),
    [
        (None, None, HOUR, (datetime(2026, 11, 25, 4), datetime(2026, 11, 25, 5))),
        (None, None, DAY, (datetime(2026, 11, 24), datetime(2026, 11, 25))),
        ("2019-10-01T05:30:00Z", None, HOUR, (datetime(2019, 10, 1, 5), datetime(2019, 10, 1, 6))),
        ("2019-10-01", "2019-10-01T00:00:01+00:00", HOUR, (datetime(2019, 10, 1), datetime(2019, 10, 1, 1))),
        ("2019-10-01T05", "2019-10-03", DAY, (datetime(2019, 10, 1), datetime(2019, 10, 3))),
    ],
)
def test_an_instant_inside_an_hour_or_day_selects_all_of_it(start, end, duration, expected):
    window = parse(start, end, duration, NOW)
    assert (window.start, window.end) == expected


@pytest.mark.parametrize(
    ("start", "end"), [("2019-13-01", None), ("x", None), ("2019-10-02", "2019-10-01"), (None, "2019-10-01")]
)
def test_an_invalid_window_is_refused(start, end):
    with pytest.raises(SettingsError):
        parse(start, end, HOUR, NOW)


def test_hours_are_merged_into_as_few_ranges_as_possible_and_described():
    hours = [datetime(2019, 10, 1, hour) for hour in (2, 5, 6, 7)]
    assert [(part.start.hour, part.end.hour) for part in ranges(hours, HOUR)] == [(2, 3), (5, 8)]
    assert describe(hours, HOUR) == "2019-10-01T02, 2019-10-01T05 to 2019-10-01T07"
    assert len(Window(datetime(2019, 10, 1), datetime(2019, 10, 2), HOUR).starts()) == 24
