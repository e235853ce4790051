"""Every table against the independent oracle, cell for cell; and the cases whose figures are known by heart."""

import re
import shutil
from datetime import datetime
from decimal import Decimal

import pytest

from spark_jobs import tables
from spark_jobs.export import csr, export
from spark_jobs.sample import generate
from spark_jobs.windows import DAY, HOUR, Window
from tests import oracle
from tests.conftest import CASES, Pipeline

EVENT = tables.USER_EVENTS.columns[:10]
COUNTS = re.compile(r".*_at$|as_of$")


def plain(value):
    return [tuple(entry) for entry in value] if isinstance(value, list) else value


def by_id(pipeline, table, key: str) -> dict[int, dict]:
    rows = (row.asDict() for row in pipeline.read(table).collect())
    return {row.pop(key): {k: plain(v) for k, v in row.items() if not COUNTS.match(k)} for row in rows}


def multiset(rows: list[tuple]) -> list[tuple]:
    return sorted(rows, key=lambda row: tuple(map(str, row)))


def close(found: dict, expected: dict) -> None:
    """Equal, with doubles to the twelfth digit."""
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key].keys() == row.keys()
        for name, value in row.items():
            want = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            if name == "category_preference":
                assert [c for c, _ in found[key][name]] == [c for c, _ in value], (key, name)
                assert [s for _, s in found[key][name]] == pytest.approx([s for _, s in value], rel=1e-12), (key, name)
            else:
                assert found[key][name] == want, (key, name)


def check_against_oracle(pipeline, postgres, *paths) -> None:
    events = oracle.good_events(*paths)
    deduped = oracle.deduped(events)
    cleaned = oracle.cleaned(deduped)
    assert multiset(pipeline.values(tables.USER_EVENTS, *EVENT)) == multiset(
        [tuple(e[n] for n in EVENT) for e in events]
    )
    assert multiset(pipeline.values(tables.DEDUPED_EVENTS, *EVENT)) == multiset(
        [tuple(e[n] for n in EVENT) for e in deduped]
    )
    names = [*EVENT, "price_source", "rating_source"]
    assert multiset(pipeline.values(tables.CLEANED_EVENTS, *names)) == multiset(
        [tuple(e[n] for n in names) for e in cleaned]
    )
    cells = {(row.user_id, row.item_id): row.score for row in pipeline.read(tables.USER_ITEM_MATRIX).collect()}
    assert cells == oracle.matrix(cleaned)
    close(by_id(pipeline, tables.USER_FEATURES, "user_id"), oracle.user_features(cleaned))
    close(by_id(pipeline, tables.ITEM_FEATURES, "item_id"), oracle.item_features(cleaned))
    assert {
        row[0]: row[1:] for row in postgres("SELECT item_id, name, category, brand, price FROM items")
    } == oracle.items(events)
    assert postgres("SELECT count(*) FROM user_events") == [(len(events),)]


def test_all_tables_of_50_000_generated_events_agree_with_the_oracle(pipeline, postgres):
    path = generate(rows=50_000, days=2, seed=3, start=datetime(2019, 10, 1), out=pipeline.raw, ratings=True)
    hours = Window(datetime(2019, 10, 1), datetime(2019, 10, 3), HOUR)
    pipeline.land()
    assert pipeline.judge(hours)["not_yet_committed"] == 0
    pipeline.load(hours)
    pipeline.daily(Window(hours.start, hours.end, DAY))
    check_against_oracle(pipeline, postgres, path)


def test_the_cases_of_the_field_give_their_known_figures(pipeline, postgres):
    names = (
        "c13-prices.csv",
        "c15-missing-text.csv",
        "c17-zones.csv",
        "c23-ties.csv",
        "c25-matrix.csv",
        "c11-big-ids.csv",
    )
    pipeline.case(*names)
    pipeline.land()
    everything = Window(datetime(2019, 1, 1), datetime(2020, 1, 1), HOUR)
    pipeline.judge(everything, accept="cases")
    pipeline.load(everything)
    pipeline.daily(Window(everything.start, everything.end, DAY))
    check_against_oracle(pipeline, postgres, *(CASES / name for name in names))


def test_matrix_and_features_of_the_rating_case_are_the_published_ones(pipeline):
    pipeline.case("c25-matrix.csv")
    pipeline.land()
    pipeline.judge()
    pipeline.daily()
    cells = {(row.user_id, row.item_id): row.score for row in pipeline.read(tables.USER_ITEM_MATRIX).collect()}
    big = 1515915625519388267
    assert cells == {(big, 100027682): 9, (3000000000, 100027682): 1, (3000000000, 4294967297): 4, (7, 4294967297): 14}
    repaired = pipeline.read(tables.CLEANED_EVENTS).where("rating_source = 'item'").collect()
    assert [(row.user_id, row.rating) for row in repaired] == [(7, Decimal("4.50"))]
    assert by_id(pipeline, tables.ITEM_FEATURES, "item_id")[4294967297]["avg_rating"] == Decimal("4.5000")
    users = {row.user_id: row.user_index for row in pipeline.read(tables.USER_INDEX).collect()}
    items = {row.item_id: row.item_index for row in pipeline.read(tables.ITEM_INDEX).collect()}
    assert (sorted(users.values()), sorted(items.values())) == ([0, 1, 2], [0, 1])
    check_exports(pipeline, cells, users, items)


def check_exports(pipeline, cells, users, items) -> None:
    from scipy import sparse

    ctx = pipeline.ctx()
    paths = {path.name: path for path in export(ctx, "csv")}
    assert paths["user_features.csv"].read_text().startswith("user_id,total_events,view_count")
    assert "1515915625519388267" in paths["user_index.csv"].read_text()
    matrix = sparse.load_npz(csr(ctx, paths["user_features.csv"].parent))
    assert (matrix.shape, matrix.sum()) == ((3, 2), 28)
    assert {pair: matrix[users[pair[0]], items[pair[1]]] for pair in cells} == cells


def test_hour_by_hour_gives_the_tables_of_one_go(spark, tmp_path, database, postgres):
    path = generate(rows=3_000, days=1, seed=5, start=datetime(2019, 10, 1), out=tmp_path, ratings=True)
    results = []
    for name in ("at-once", "by-hour"):
        folder = tmp_path / name
        folder.mkdir()
        pipeline = Pipeline(spark, folder, database)
        lines = path.read_text().splitlines(keepends=True)
        groups = [range(24)] if name == "at-once" else [range(9, 24), range(0, 9)]
        for group in groups:  # the second group is late data
            part = [line for line in lines[1:] if int(line[11:13]) in group]
            pipeline.put(f"{group[0]}.csv", "".join([lines[0], *part]))
            pipeline.land()
            pipeline.judge()
            pipeline.daily()
        results.append(
            [pipeline.values(t, *[c for c in t.columns if not COUNTS.match(c) and "_index" not in c]) for t in SAME]
        )
    for table, once, by_hour in zip(SAME, *results, strict=True):
        assert once == by_hour, table.name


SAME = (
    tables.USER_EVENTS,
    tables.DEDUPED_EVENTS,
    tables.CLEANED_EVENTS,
    tables.USER_ITEM_MATRIX,
    tables.USER_FEATURES,
    tables.ITEM_FEATURES,
)


def test_the_real_head_agrees_with_the_oracle(pipeline, postgres):
    head = CASES.parents[2] / "shared" / "data" / "2019-Oct-head.csv"
    if not head.exists():
        pytest.skip("the real head of October is not part of the project and is not on this machine")
    shutil.copy(head, pipeline.raw)
    pipeline.land()
    pipeline.judge()
    assert not [line for line in pipeline.said if line.startswith("warning")]
    pipeline.load()
    pipeline.daily()
    check_against_oracle(pipeline, postgres, head)
