"""Compare each query of conf/queries with the same computation in pandas, on the seeded set."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest

from spark_jobs import tables
from spark_jobs.commands import sql
from spark_jobs.errors import PipelineError
from spark_jobs.observability.answers import print_answer
from tests.project import ROOT

NAMES = sorted(path.stem for path in sql.QUERIES.glob("*.sql"))
KINDS = {"views": "view", "carts": "cart", "purchases": "purchase"}


@pytest.fixture(scope="module")
def frames(seeded) -> dict[str, pd.DataFrame]:
    """Read the tables of the queries into pandas."""
    read = (tables.USER_EVENTS, tables.DEDUPED_EVENTS, tables.CLEANED_EVENTS, tables.REJECTED_EVENTS)
    return {table.name: seeded.read(table).toPandas() for table in (*read, tables.ITEM_FEATURES)}


@pytest.fixture(scope="module")
def run_query(seeded) -> Callable[[str], list[tuple]]:
    spark = seeded.spark
    for table in tables.ALL:
        seeded.read(table).createOrReplaceTempView(table.name)
    spark.conf.set(sql.ADDRESS, seeded.settings.paths.warehouse)
    return lambda name: [tuple(row) for row in spark.sql(sql.find_query(name)).collect()]


def assert_close(found: list[tuple], expected: list[tuple]) -> None:
    def value(cell):
        return None if pd.isna(cell) else round(float(cell), 6) if isinstance(cell, float) else cell

    assert [tuple(map(value, row)) for row in found] == [tuple(map(value, row)) for row in expected]


def test_each_stored_query_has_a_test():
    tested = {name.removeprefix("test_query_") for name in globals() if name.startswith("test_query_")}
    assert sorted(tested) == NAMES


def test_an_unknown_query_name_lists_the_stored_queries():
    with pytest.raises(PipelineError) as caught:
        sql.find_query("funnels")
    assert all(f"\n  {name} " in str(caught.value) for name in NAMES)
    assert "QUERY=funnels: neither SQL nor a query of conf/queries" in str(caught.value)


def test_make_sql_prints_only_a_header_and_the_rows_of_the_named_query(seeded, run_query):
    setting = f"paths.warehouse='{seeded.settings.paths.warehouse}'"
    command = [sys.executable, "-m", "spark_jobs.cli", "sql", "--set", setting, "--query", "repeat_buyers"]
    result = subprocess.run([*command, "--format", "csv"], cwd=ROOT, capture_output=True, text=True, check=True)
    header, *rows = (tuple(line.split(",")) for line in result.stdout.splitlines())
    assert header == ("buying_days", "buyers", "spent")
    assert rows == [tuple(map(str, row)) for row in run_query("repeat_buyers")]
    assert result.stderr == ""


ANSWERS = {
    "table": " name   count  \n──────────────\n a, b   1      \n NULL   2      \n\n2 rows\n",
    "csv": 'name,count\n"a, b",1\n,2\n',
    "json": '{"name": "a, b", "count": 1}\n{"name": null, "count": 2}\n',
}


@pytest.mark.parametrize("layout", ANSWERS)
def test_an_answer_has_the_names_of_the_columns_in_every_layout(spark, capsys, layout):
    found = spark.sql("SELECT * FROM VALUES ('a, b', 1), (NULL, 2) AS of(name, count)")
    print_answer(found.columns, sql.read_rows(found, as_text=layout != "json"), layout)
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown if line] == [line.strip() for line in ANSWERS[layout].splitlines() if line]


def test_a_wrong_query_is_refused_in_one_sentence(seeded):
    setting = f"paths.warehouse='{seeded.settings.paths.warehouse}'"
    with pytest.raises(PipelineError, match=r"QUERY: .*nowhere.* cannot be found") as caught:
        sql.main([setting], "SELECT 1 FROM nowhere", "table")
    assert "\n" not in str(caught.value)


def test_query_funnel_by_category(frames, run_query):
    events = frames["cleaned_events"]
    events = events.assign(category=events.category_code.str.split(".").str[0].fillna("(none)"))
    users = {
        kind: events[events.event_type == kind].groupby("category").user_id.agg(set)
        for kind in ("view", "cart", "purchase")
    }
    rows = []
    for category, viewers in users["view"].items():
        carted, bought = (users[kind].get(category, set()) & viewers for kind in ("cart", "purchase"))
        rows.append((category, len(viewers), len(carted), len(bought), round(len(bought) / len(viewers), 4)))
    assert_close(run_query("funnel_by_category"), sorted(rows, key=lambda row: (-row[1], row[0])))


def test_query_conversion_by_price_range(frames, run_query):
    items = frames["item_features"].assign(price_range=lambda rows: rows.price_range.fillna("(no price)"))
    rows = []
    for name in ("budget", "mid", "premium", "luxury", "(no price)"):
        group = items[items.price_range == name]
        if len(group):
            views, bought = int(group.view_count.sum()), int(group.purchase_count.sum())
            rows.append((name, len(group), views, bought, round(100 * bought / views, 2)))
    assert_close(run_query("conversion_by_price_range"), rows)


def test_query_cohort_return_by_week(frames, run_query):
    events = frames["cleaned_events"]
    monday = events.timestamp.dt.normalize() - pd.to_timedelta(events.timestamp.dt.dayofweek, unit="D")
    weeks = events.assign(week=monday)[["user_id", "week"]].drop_duplicates()
    weeks["first"] = weeks.groupby("user_id").week.transform("min")
    counts = weeks.groupby(["first", "week"]).size()
    rows = [
        (first.date(), (week - first).days // 7, users, round(users / counts[first].max(), 4))
        for (first, week), users in counts.items()
    ]
    assert len(rows) == 3  # the seeded set covers parts of two weeks
    assert_close(run_query("cohort_return_by_week"), rows)


def test_query_hourly_activity(frames, run_query):
    events = frames["deduped_events"]
    rows = [
        (hour, *(int((group.event_type == kind).sum()) for kind in KINDS.values()), group.user_id.nunique())
        for hour, group in events.groupby(events.timestamp.dt.hour)
    ]
    assert_close(run_query("hourly_activity"), rows)


def test_query_top_items(frames, run_query):
    items = frames["item_features"].sort_values(["popularity_score", "item_id"], ascending=[False, True]).head(20)
    columns = ["item_id", "brand", "category_code", "avg_price", "view_count", "purchase_count", "popularity_score"]
    rows = items[columns].round({"popularity_score": 4})
    assert_close(run_query("top_items"), list(rows.itertuples(index=False, name=None)))


def test_query_carted_not_bought(frames, run_query):
    events = frames["cleaned_events"].sort_values("timestamp")
    bought = set(events[events.event_type == "purchase"].groupby(["user_id", "item_id"]).groups)
    carts = events[events.event_type == "cart"].groupby(["user_id", "item_id"]).tail(1)
    left = carts[[pair not in bought for pair in zip(carts.user_id, carts.item_id, strict=True)]]
    rows = [(user, len(group), group.price.sum(), group.timestamp.max()) for user, group in left.groupby("user_id")]
    assert_close(run_query("carted_not_bought"), sorted(rows, key=lambda row: (-row[2], row[0]))[:20])


def test_query_bought_together(frames, run_query):
    events = frames["cleaned_events"]
    buyers = events[events.event_type == "purchase"].groupby("item_id").user_id.agg(set)
    everybody = len(set().union(*buyers))
    rows = []
    for item, users in buyers.items():
        for other, others in buyers.items():
            if item < other and (both := len(users & others)):
                rows.append((item, other, both, round(both * everybody / (len(users) * len(others)), 2)))
    rows.sort(key=lambda row: (-row[2], -row[3], row[0], row[1]))
    assert rows
    assert_close(run_query("bought_together"), rows[:20])


def test_query_brand_share(frames, run_query):
    bought = frames["cleaned_events"].query("event_type == 'purchase'").fillna({"brand": "(none)"})
    total = bought.price.sum()
    rows = [
        (brand, len(group), group.price.sum(), round(float(group.price.sum() / total), 4))
        for brand, group in bought.groupby("brand")
    ]
    found = [(*row[:3], float(row[3])) for row in run_query("brand_share")]
    assert_close(found, sorted(rows, key=lambda row: (-row[2], row[0]))[:20])


def test_query_session_length(frames, run_query):
    events = frames["deduped_events"]
    sessions = events.groupby("session_id").agg(
        events=("event_type", "size"),
        minutes=("timestamp", lambda times: (times.max() - times.min()) // timedelta(seconds=1) / 60),
        bought=("event_type", lambda kinds: "purchase" in set(kinds)),
    )
    rows = [
        (bought, len(group), *group.minutes.quantile([0.5, 0.9]).round(2), *group.events.quantile([0.5, 0.9]))
        for bought, group in sessions.groupby("bought")
    ]
    assert len(rows) == 2
    assert_close(run_query("session_length"), rows)


def test_query_repeat_buyers(frames, run_query):
    bought = frames["cleaned_events"].query("event_type == 'purchase'")
    buyers = bought.groupby("user_id").agg(days=("event_date", "nunique"), spent=("price", "sum"))
    rows = [(days, len(group), group.spent.sum()) for days, group in buyers.groupby("days")]
    assert len(rows) > 1
    assert_close(run_query("repeat_buyers"), rows)


def test_query_rejected_by_reason(frames, run_query):
    rejected = frames["rejected_events"].explode("reasons")
    rows = [
        (reason, name, len(group), min(group.raw_text))
        for (reason, name), group in rejected.groupby(["reasons", "file_name"])
    ]
    assert len(rows) == 3
    assert_close(run_query("rejected_by_reason"), sorted(rows, key=lambda row: (-row[2], row[0], row[1])))


def test_query_table_history(seeded, frames, run_query):
    latest, *_, first = rows = run_query("table_history")
    last = seeded.ctx().storage.version(tables.USER_EVENTS)
    assert [row[0] for row in rows] == list(range(last, -1, -1))
    assert latest[4] == first[4] == "WRITE"  # the first write has created the table
    assert int(first[12]["numOutputRows"]) == len(frames["user_events"]) - 1


def test_query_time_travel(seeded, frames, run_query):
    now = frames["user_events"].event_type.value_counts()
    first = seeded.ctx().storage.read(tables.USER_EVENTS, 0).toPandas().event_type.value_counts()
    rows = run_query("time_travel")
    assert 0 < first.sum() < now.sum()
    assert_close(rows, [(kind, int(first[kind]), int(now[kind])) for kind in sorted(now.index)])
