"""The run report: its figures match the tables, its page is self-contained, and text from the data is escaped."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spark_jobs import tables
from spark_jobs.observability import metrics
from spark_jobs.report import charts, page
from spark_jobs.report import facts as facts_module
from tests.counting import count_jobs

SECONDS = {"extract_events": 1.5, "validate_data_quality": 2.25}


@pytest.fixture(scope="module")
def reports(seeded) -> Path:
    page.write(seeded.ctx(), SECONDS)
    for job, took in SECONDS.items():
        metrics.record(seeded.settings.paths.metrics, job, {}, took)
    page.write(seeded.ctx())
    return Path(seeded.settings.paths.reports)


@pytest.fixture(scope="module")
def facts(reports) -> dict:
    return json.loads(min(reports.glob("*.json")).read_text())


def test_the_figures_match_the_tables(seeded, facts):
    events, cleaned = (seeded.read(table).toPandas() for table in (tables.USER_EVENTS, tables.CLEANED_EVENTS))
    flow = facts["flow"]
    assert (flow["valid"], flow["kept"]) == (len(events), len(cleaned))
    assert flow["raw"] == flow["valid"] + flow["rejected"] == 4_005
    assert flow["valid"] == flow["kept"] + flow["dropped"]
    types = events.event_type.value_counts()
    assert facts["hours"]["types"] == types.to_dict()
    assert {name: sum(of) for name, of in facts["hours"]["counts"].items()} == types.to_dict()
    kept = cleaned.event_type.value_counts()
    assert facts["dropped"] == {name: int(types[name] - kept[name]) for name in facts["dropped"]}
    assert facts["prices"]["sources"]["given"] == (cleaned.price_source == "given").sum()
    assert sum(facts["prices"]["bins"].values()) == (cleaned.price > 0).sum()
    assert sum(facts["users"]["bins"].values()) == facts["users"]["count"] == cleaned.user_id.nunique()
    bought = cleaned[cleaned.event_type == "purchase"]
    assert facts["users"]["reach"]["purchase"] == bought.user_id.nunique()
    brands = cleaned.brand.fillna("(none)").value_counts()
    assert facts["items"]["brands"]["(none)"] >= brands["(none)"]
    features = seeded.read(tables.ITEM_FEATURES).toPandas()
    for name, column in (("categories", "category_code"), ("brands", "brand")):
        sums = features.assign(**{column: features[column].fillna("(none)")}).groupby(column).total_events.sum()
        top = sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:12]
        assert list(facts["items"][name].items()) == top
    assert sum(facts["items"]["bins"].values()) == facts["items"]["count"] == len(features)
    assert facts["matrix"]["cells"] == cleaned.groupby(["user_id", "item_id"]).ngroups
    assert facts["seconds"] == SECONDS
    reasons = {row["reason"]: row["rows"] for row in facts["rejected"]}
    assert reasons == {"event_type_unknown": 2, "price_negative": 1, "malformed_record": 1}
    assert {row["name"]: row["rows"] for row in facts["tables"]}["user_events"] == len(events)


def test_a_report_of_unchanged_tables_runs_no_query_and_shows_the_same_figures(seeded, reports):
    before = count_jobs(seeded.spark)
    page.write(seeded.ctx(), SECONDS)
    assert count_jobs(seeded.spark) == before
    first, *_, last = (json.loads(path.read_text()) for path in sorted(reports.glob("*.json")))
    assert {name: last[name] for name in last if name != "made_at"} == {
        name: first[name] for name in first if name != "made_at"
    }
    pages = sorted(reports.glob("2*.html"))
    assert re.findall("<svg.*?</svg>", pages[-1].read_text(), re.S) == re.findall(
        "<svg.*?</svg>", pages[0].read_text(), re.S
    )


def test_a_figure_is_computed_again_after_its_table_has_changed():
    before = {"versions": {"users": {"a": 1}, "items": {"b": 1}}, "users": {"bins": {"0": 4}}, "items": {"bins": {}}}
    assert facts_module._reuse_figures(before, {"users": {"a": 1}, "items": {"b": 2}}) == {"users": {"bins": {0: 4}}}
    assert facts_module._reuse_figures({}, {"users": {"a": 1}}) == {}


def test_the_page_is_complete_and_loads_nothing_from_elsewhere(reports):
    text = (reports / page.LATEST).read_text()

    class Reader(HTMLParser):
        addresses, charts = [], 0

        def handle_starttag(self, tag, attributes):
            self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
            self.charts += tag == "svg"

    reader = Reader()
    reader.feed(text)
    assert reader.charts == 13
    outside = [address for address in reader.addresses if not address.startswith(("#", "../quality/docs/"))]
    assert outside == []
    assert all((reports / address).exists() for address in reader.addresses if address.startswith("../"))
    assert "default-src 'none'" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert not re.search(r"#0[1-9a-f]0[1-9a-f]0[1-9a-f]|#101010", text)  # every placeholder colour is replaced


def test_each_chart_has_a_table_with_its_figures(reports, facts):
    text = (reports / page.LATEST).read_text()
    found = re.findall(r'<figure role="img".*?</figure>\s*(?:<dl.*?</dl>\s*)?<details>(.*?)</details>', text, re.DOTALL)
    assert len(found) == text.count("<figure") == 14
    rows = {}
    for table in found:
        assert table.count("<caption>") == 1
        caption = re.search("<caption>(.*?)</caption>", table)[1]
        cells = [
            re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        rows[caption] = cells[1:]
    assert rows["Users by event type"] == [[name, f"{n:,}"] for name, n in facts["users"]["reach"].items() if n]
    assert [int(row[1].replace(",", "")) for row in rows["Users by number of events, logarithmic"]] == list(
        facts["users"]["bins"].values()
    )
    hours = [[int(cell.replace(",", "")) for cell in row[1:]] for row in rows["Events per hour by type"]]
    assert [list(of) for of in zip(*hours, strict=True)] == list(facts["hours"]["counts"].values())
    days = facts["calendar"]["days"]
    assert [row[0] for row in rows["Hours of each day"]] == [day["day"] for day in days]
    assert all(sum(map(int, row[2:7])) == 24 for row in rows["Hours of each day"])
    assert sum(int(row[1].replace(",", "")) for row in rows["Hours of each day"]) <= facts["flow"]["raw"]


def test_each_heading_of_a_table_says_what_it_belongs_to(reports):
    text = (reports / page.LATEST).read_text()
    tables_for_readers = re.findall(r"<table>.*?</table>", text, re.DOTALL)  # the calendar is drawn as a picture
    assert len(tables_for_readers) == 18
    for table in tables_for_readers:
        assert "<caption>" in table
        assert all('scope="' in heading for heading in re.findall(r"<th[ >][^>]*", table))


def test_the_calendar_and_the_run_match_the_ledger(seeded, facts):
    days = seeded.ctx().ledger.days()
    assert [day["day"] for day in facts["calendar"]["days"]] == [str(row["day"]) for row in days]
    for day, row in zip(facts["calendar"]["days"], days, strict=True):
        assert len(day["hours"]) == 24
        for kind in ("loaded", "empty", "stopped"):
            assert day["hours"].count(kind) == row[f"hours_{kind}"]
    (run,) = facts["runs"]
    flow = facts["flow"]
    assert (run["rows"], run["rejected"]) == (flow["valid"] + flow["rejected"], flow["rejected"])
    assert run["seconds"] == sum(SECONDS.values())
    prices = seeded.read(tables.USER_EVENTS).where("price > 0").toPandas().price.astype(float)
    assert run["mean_price"] == pytest.approx(prices.mean(), rel=0.02)


def test_a_report_compares_with_the_previous_one_and_shows_the_last_duration_of_each_job(reports):
    text = (reports / page.LATEST).read_text()
    assert "no count has changed" in text
    assert re.search(r">1\.5</text>.*>2\.2</text>", text, re.DOTALL)
    assert "This is the first report." in min(reports.glob("2*.html")).read_text()


def test_labels_from_the_data_are_escaped():
    svg = charts.draw_bars("brands", {"<script>alert(1)</script>": 1, "$x^2$ \\alpha": 2, "한국": 3, "&amp;": 4})
    assert "<script" not in svg
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
    assert "$x^2$ \\alpha" in svg and "한국" in svg and "&amp;amp;" in svg


@pytest.mark.parametrize(
    ("bins", "labels"),
    [
        ({0: 1}, {"1", "2", "5", "10"}),
        (dict.fromkeys(range(charts.BINS_A_DECADE), 1000), {"1", "2", "5", "10", "100", "1,000"}),
        ({place: 10_000 // (place + 1) for place in range(4 * charts.BINS_A_DECADE)}, {"1", "100", "10,000"}),
    ],
    ids=["one user", "1 to 9 events", "four decades"],
)
def test_a_logarithmic_axis_has_plain_numbers_only(bins, labels):
    svg = charts.draw_distribution("users", bins, "events", "users")
    texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", svg))
    assert labels <= texts
    assert all(re.fullmatch(r"[\d.,]+|events \(log\)|users \(log\)", text) for text in texts)


def test_the_label_of_a_stage_without_rows_is_inside_the_picture():
    svg = charts.draw_bars("flow", {"raw": 3, "valid": 3, "rejected": 0}, ["one", "good", "bad"])
    _, _, _, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    places = [float(y) for y in re.findall(r'<text[^>]* y="([\d.]+)"', svg)]
    places += [float(y) for y in re.findall(r"translate\([\d.]+ ([\d.]+)\)", svg)]
    assert "rejected" in svg and places and max(places) < height - 5


def test_lines_differ_in_style_and_not_only_in_colour():
    svg = charts.draw_lines(["2019-10-01T00", "2019-10-01T01"], {name: [9, 5] for name in ("view", "cart", "rating")})
    dashes = re.findall(r"stroke-dasharray: ([^;]+)", svg)  # in the chart and in the legend; the first line is solid
    assert len(dashes) == 4 and len(set(dashes)) == 2


def test_a_trend_has_a_point_for_each_run_with_a_value_and_names_the_first_and_the_last_run():
    svg = charts.draw_trends(["first", "second", "third"], {"rows": [5, 70_000, 6], "mean price": [1.5, 2.5, None]})
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert {"rows, last: 6", "mean price", "first", "third"} <= set(texts) and "second" not in texts
    assert len(re.findall(r'<use [^>]*style="fill: var\(--one\)', svg)) == 5


def test_a_warehouse_without_a_processed_day_gets_a_report_too(pipeline):
    pipeline.copy_cases("c01-fields.csv")
    pipeline.land()
    pipeline.validate()
    text = page.write(pipeline.ctx(), {}).read_text()
    assert "malformed_record" in text
    assert "Funnel" not in text
