"""The version of each step's rules belongs to what the rules make of a fixed input, and acts like a setting."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

import pytest
from pyspark.sql import DataFrame

from spark_jobs import tables
from spark_jobs.builds.planning import settings_digest
from spark_jobs.inspection.outdated import describe_outdated
from spark_jobs.ledger import rule_versions
from spark_jobs.ledger.rule_versions import VERSIONS, build_digest
from spark_jobs.ledger.status import fingerprint
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import DAY_1, HEAD, OCTOBER_1

# What each version makes of the fixed input below. A corrected rule gets a new line, with the next version.
MADE = {
    ("parsing", 1): "eb44ba29be076034",
    ("validation", 1): "f4d27c869ef9831d",
    ("deduplication", 1): "6f6cb917480f3e8a",
    ("repair", 1): "d6d21df0029498b5",
    ("interactions", 1): "b0b63a13e3355a07",
    ("matrix", 1): "4c077d2f9c5d0a1d",
    ("user_features", 1): "76b7e59da983298a",
    ("item_features", 1): "cffe05d27ead8853",
}
TABLES = {
    "parsing": (tables.RAW_EVENTS,),
    "validation": (tables.USER_EVENTS, tables.REJECTED_EVENTS),
    "deduplication": (tables.DEDUPED_EVENTS,),
    "repair": (tables.CLEANED_EVENTS,),
    "interactions": (tables.INTERACTIONS, tables.ITEM_DAYS),
    "matrix": (tables.USER_INDEX, tables.ITEM_INDEX, tables.USER_ITEM_MATRIX),
    "user_features": (tables.USER_FEATURES,),
    "item_features": (tables.ITEM_SUMS, tables.ITEM_FEATURES),
}
RATED = "user_id,item_id,event_type,timestamp,session_id,rating,price\n"
FIXED = {  # for each rule a row that it decides
    "a.csv": HEAD
    + """2019-10-01 09:00:01 UTC,view,1,77,a.phone,acme,10.005,501,s-1
2019-10-01 09:00:59 UTC,view,1,77,a.phone,acme,11.00,501,s-2
2019-10-01 09:00:59 UTC,view,1,77,a.phone,acme,12.00,501,s-1
2019-10-01T09:01:00Z,cart,1,77,a.phone,,0,501,s-1
2019-10-01 14:30:00.1234567+05:30,purchase,2,77,"a,b",acme,,502,s-3
2019-10-01 19:00:00,purchase,2,78,,acme,99.5,502,s-3
2019-10-01 23:59:59 UTC,view,3,,,,,503,
2019-10-02 00:00:00 UTC,view,3,79,b.shoe,"q""x",301,503, s
2019-10-02 13:00:00 UTC,purchase,3,79,b.shoe,nan,100,501,s-4
2019-10-02 13:00:00 UTC,remove_from_cart,3,79,b.shoe,,1,501,s-4
2019-10-02 13:00:01 UTC,VIEW,3,79,b.shoe,,1,501,s-4
2019-10-02 13:00:02 UTC,view,3,79,b.shoe,,-1,501,s-4
2019-10-02 13:00:03 UTC,view,3,79,b.shoe,,1e3,501,s-4
2019-10-02 13:00:04 UTC,view,3,79,b.shoe,,1,0,s-4
2019-10-02 13:00:05 UTC,view,,79,b.shoe,,1,5.0,s-4
2019-13-02 13:00:05 UTC,view,3,79,b.shoe,,1,501,s-4
1999-12-31 23:59:59 UTC,view,3,79,b.shoe,,1,501,s-4
short,row
""",
    "b.csv": RATED
    + """501,1,rating,2019-10-01 10:00:00,s-1,4.005,10
502,1,rating,2019-10-01 10:00:30,s-1,,10
503,2,rating,2019-10-02 10:00:30,s-1,5.5,10
""",
}


def digest(frames: Iterable[DataFrame]) -> str:
    """One value for rows in any order; times of building, and what depends on the writing, left out."""
    outside = {"built_at", "part", "file_id"}
    lines = []
    for frame in frames:
        names = [name for name in frame.columns if name not in outside]
        lines.append(
            sorted(json.dumps(row.asDict(recursive=True), default=str) for row in frame.select(*names).collect())
        )
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:16]


def test_a_version_and_what_its_rules_make_change_together(pipeline):
    for name, text in FIXED.items():
        pipeline.put(name, text)
    hours, days = (Window(DAY_1.start, DAY_1.start + 2 * DAY, unit) for unit in (HOUR, DAY))
    pipeline.land()
    pipeline.judge(hours, accept="fixed input")
    pipeline.daily(days)
    made = {(step, VERSIONS[step]): digest(map(pipeline.read, of)) for step, of in TABLES.items()}
    assert made == {(step, version): MADE[step, version] for step, version in made}
    assert TABLES.keys() == VERSIONS.keys()
    for step, version in VERSIONS.items():
        earlier = [MADE[step, number] for number in range(1, version + 1)]
        assert len(set(earlier)) == version, f"{step}: a new version makes something else"


def test_first_versions_leave_the_digest_of_a_build_as_it_was(monkeypatch):
    assert build_digest("remove_duplicates", "content", ["purchase"]) == fingerprint("content", "purchase")
    assert settings_digest("create_user_item_matrix", {"view": 1}, 0) == fingerprint({"view": 1}, 0)
    monkeypatch.setitem(VERSIONS, "deduplication", 2)
    assert build_digest("remove_duplicates", "content", []) != fingerprint("content")
    assert build_digest("remove_duplicates", "content", [], recorded={}) == fingerprint("content")


@pytest.fixture
def built(pipeline):
    """Two days, judged and built by today's rules."""
    for day in (1, 2):
        pipeline.put(f"{day}.csv", HEAD + f"2019-10-0{day} 09:00:00 UTC,view,1,77,,,5,501,s\n")
    pipeline.land()
    pipeline.judge(Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR))
    pipeline.daily(Window(DAY_1.start, DAY_1.end + DAY, DAY))
    assert list(describe_outdated(pipeline.ctx())) == []
    return pipeline


def test_a_raised_version_builds_what_a_run_looks_at_again_and_nothing_else(built, monkeypatch):
    monkeypatch.setitem(VERSIONS, "deduplication", 2)
    monkeypatch.setitem(VERSIONS, "matrix", 2)
    before = built.ctx().ledger.builds("remove_duplicates")
    summaries = built.daily(DAY_1)
    assert [summary.get("days_built") for summary in summaries[:2]] == [1, 1]
    assert summaries[2]["days_added"] == "all"
    after = built.ctx().ledger.builds("remove_duplicates")
    second = datetime(2019, 10, 2)
    assert after[second] == before[second]
    assert after[DAY_1.start]["rule_versions"] == {"deduplication": 2}
    (line,) = describe_outdated(built.ctx())
    assert line.startswith("built by older rules: 2019-10-02 to 2019-10-03: ") and "--start 2019-10-02" in line
    assert [summary.get("days_built", summary.get("unchanged")) for summary in built.daily(DAY_1)] == [0, 0, True, True]
    assert built.daily(Window(second, second + DAY, DAY))[0]["days_built"] == 1
    assert list(describe_outdated(built.ctx())) == []


def test_older_parsing_and_validation_are_named_and_landed_and_judged_again_by_command(built, monkeypatch):
    from spark_jobs.jobs import extract_events, validate_data_quality

    monkeypatch.setitem(VERSIONS, "parsing", 2)
    monkeypatch.setitem(VERSIONS, "validation", 2)
    (built.raw / "2.csv").unlink()
    assert built.land()["files_landed"] == 0
    lines = list(describe_outdated(built.ctx()))
    assert "parsed by older rules: 2019-10-01T09; to land them again:" in lines[0] and "--again" in lines[0]
    assert lines[1].endswith(f"the files are gone and cannot be landed again: {built.raw / '2.csv'}")
    assert "--start 2019-10-01T09 --end 2019-10-01T10 --again" in lines[2]
    assert extract_events.run(built.ctx(again=True), None)["files_landed"] == 1
    assert built.read(tables.RAW_EVENTS).count() == 2
    assert built.land()["files_landed"] == 0
    validate_data_quality.run(built.ctx(again=True), Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR))
    assert [line.partition(",")[0] for line in describe_outdated(built.ctx())] == ["parsed by older rules"]
    assert rule_versions.is_outdated("remove_duplicates", None) is False
