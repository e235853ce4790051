"""Rule versions: each one has a known output for a fixed input, and a new one causes a rebuild as a setting does."""

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
from tests.conftest import DAY_1, OCTOBER_1
from tests.events import HEAD, event_line

# Digests of what each version produces from the fixed input below. A corrected rule gets a line with a new version.
OUTPUT_DIGESTS = {
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
RATING_HEAD = "user_id,item_id,event_type,timestamp,session_id,rating,price\n"
FIXED_INPUT = {  # at least one row for each rule
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
    "b.csv": RATING_HEAD
    + """501,1,rating,2019-10-01 10:00:00,s-1,4.005,10
502,1,rating,2019-10-01 10:00:30,s-1,,10
503,2,rating,2019-10-02 10:00:30,s-1,5.5,10
""",
}


def digest_rows(frames: Iterable[DataFrame]) -> str:
    """Hash rows in any order, without build times and columns that depend on how the rows were written."""
    excluded = {"built_at", "part", "file_id"}
    lines = []
    for frame in frames:
        names = [name for name in frame.columns if name not in excluded]
        lines.append(
            sorted(json.dumps(row.asDict(recursive=True), default=str) for row in frame.select(*names).collect())
        )
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:16]


def test_the_output_of_a_rule_changes_only_with_its_version(pipeline):
    for name, text in FIXED_INPUT.items():
        pipeline.put(name, text)
    hours, days = (Window(DAY_1.start, DAY_1.start + 2 * DAY, duration) for duration in (HOUR, DAY))
    pipeline.land()
    pipeline.validate(hours, accept="fixed input")
    pipeline.run_daily(days)
    digests = {
        (step, VERSIONS[step]): digest_rows(map(pipeline.read, step_tables)) for step, step_tables in TABLES.items()
    }
    assert digests == {(step, version): OUTPUT_DIGESTS[step, version] for step, version in digests}
    assert TABLES.keys() == VERSIONS.keys()
    for step, version in VERSIONS.items():
        earlier = [OUTPUT_DIGESTS[step, number] for number in range(1, version + 1)]
        assert len(set(earlier)) == version, f"{step}: a new version makes something else"


def test_a_first_rule_version_does_not_change_the_digest_of_a_build(monkeypatch):
    assert build_digest("remove_duplicates", "content", ["purchase"]) == fingerprint("content", "purchase")
    assert settings_digest("create_user_item_matrix", {"view": 1}, 0) == fingerprint({"view": 1}, 0)
    monkeypatch.setitem(VERSIONS, "deduplication", 2)
    assert build_digest("remove_duplicates", "content", []) != fingerprint("content")
    assert build_digest("remove_duplicates", "content", [], recorded={}) == fingerprint("content")


@pytest.fixture
def two_days(pipeline):
    """Validate and build two days by the current rules."""
    for day in (1, 2):
        pipeline.put(f"{day}.csv", HEAD + event_line(time=f"2019-10-0{day} 09:00:00"))
    pipeline.land()
    pipeline.validate(Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR))
    pipeline.run_daily(Window(DAY_1.start, DAY_1.end + DAY, DAY))
    assert list(describe_outdated(pipeline.ctx())) == []
    return pipeline


def test_a_raised_rule_version_rebuilds_only_the_days_of_the_run(two_days, monkeypatch):
    monkeypatch.setitem(VERSIONS, "deduplication", 2)
    monkeypatch.setitem(VERSIONS, "matrix", 2)
    before = two_days.ctx().ledger.builds("remove_duplicates")
    summaries = two_days.run_daily(DAY_1)
    assert [step.get("days_built") for step in summaries[:2]] == [1, 1]
    assert summaries[2]["days_added"] == "all"
    after = two_days.ctx().ledger.builds("remove_duplicates")
    second = datetime(2019, 10, 2)
    assert after[second] == before[second]
    assert after[DAY_1.start]["rule_versions"] == {"deduplication": 2}
    (line,) = describe_outdated(two_days.ctx())
    assert line.startswith("built by older rules: 2019-10-02 to 2019-10-03: ") and "--start 2019-10-02" in line
    assert [step.get("days_built", step.get("unchanged")) for step in two_days.run_daily(DAY_1)] == [0, 0, True, True]
    assert two_days.run_daily(Window(second, second + DAY, DAY))[0]["days_built"] == 1
    assert list(describe_outdated(two_days.ctx())) == []


def test_outdated_parsing_and_validation_are_reported_and_repeated_by_command(two_days, monkeypatch):
    from spark_jobs.jobs import extract_events, validate_data_quality

    monkeypatch.setitem(VERSIONS, "parsing", 2)
    monkeypatch.setitem(VERSIONS, "validation", 2)
    (two_days.raw / "2.csv").unlink()
    assert two_days.land()["files_landed"] == 0
    lines = list(describe_outdated(two_days.ctx()))
    assert "parsed by older rules: 2019-10-01T09; to land them again:" in lines[0] and "--again" in lines[0]
    assert lines[1].endswith(f"the files are gone and cannot be landed again: {two_days.raw / '2.csv'}")
    assert "--start 2019-10-01T09 --end 2019-10-01T10 --again" in lines[2]
    assert extract_events.run(two_days.ctx(again=True), None)["files_landed"] == 1
    assert two_days.read(tables.RAW_EVENTS).count() == 2
    assert two_days.land()["files_landed"] == 0
    validate_data_quality.run(two_days.ctx(again=True), Window(OCTOBER_1.start, OCTOBER_1.end + DAY, HOUR))
    assert [line.partition(",")[0] for line in describe_outdated(two_days.ctx())] == ["parsed by older rules"]
    assert rule_versions.is_outdated("remove_duplicates", None) is False
