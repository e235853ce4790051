"""Landing with Spark: renamed files, files with several names, and the original text of rejected rows."""

import gzip
from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.errors import SettingsError, SourceError
from spark_jobs.report import charts, facts
from spark_jobs.settings import is_default_raw, load
from spark_jobs.sources.listing import list_files
from spark_jobs.windows import DAY, HOUR, Window, describe_gap
from tests.events import HEAD, event_line, session_lines
from tests.project import ROOT
from tests.unfenced import unfenced_writer


def read_raw_sessions(pipeline) -> list[str]:
    return sorted(row.session_id for row in pipeline.read(tables.RAW_EVENTS, "session_id").collect())


def read_versions(pipeline) -> dict[str, int]:
    storage = pipeline.ctx().storage
    return {table.name: storage.version(table) for table in (tables.RAW_EVENTS, tables.LANDED_FILES)}


def change_paths(pipeline, **changed: str):
    return pipeline.settings.model_copy(update={"paths": pipeline.settings.paths.model_copy(update=changed)})


def test_rotated_files_keep_all_their_rows_and_landing_again_changes_nothing(pipeline):
    pipeline.put("events.1.csv", HEAD + session_lines("a", "b", time="2019-09-30 09:00:00"))
    pipeline.put("events.csv", HEAD + session_lines("c", "d", "e"))
    pipeline.land()
    (pipeline.raw / "events.1.csv").rename(pipeline.raw / "events.2.csv")
    (pipeline.raw / "events.csv").rename(pipeline.raw / "events.1.csv")
    pipeline.put("events.csv", HEAD + session_lines("f", time="2019-10-02 09:00:00"))
    pipeline.land()
    assert read_raw_sessions(pipeline) == ["a", "b", "c", "d", "e", "f"]
    before = read_versions(pipeline)
    pipeline.land()
    assert (read_versions(pipeline), len(read_raw_sessions(pipeline))) == (before, 6)
    (pipeline.raw / "events.csv").rename(pipeline.raw / "today.csv")
    with (pipeline.raw / "today.csv").open("a") as file:
        file.write(session_lines("g", time="2019-10-02 09:00:00"))
    pipeline.land()  # renamed, and grown
    assert read_raw_sessions(pipeline) == ["a", "b", "c", "d", "e", "f", "g"]
    assert any("today.csv: moved from events.csv" in line for line in pipeline.messages)


def test_a_folder_reached_through_a_link_and_by_its_real_path_lands_once(pipeline):
    pipeline.put("a.csv", HEAD + session_lines("a"))
    pipeline.put("_late.csv", HEAD + session_lines("x"))
    pipeline.put(".hidden.csv", HEAD + session_lines("x"))
    (pipeline.raw / "sub").mkdir()
    link, real = pipeline.folder / "link", str(pipeline.raw)
    link.symlink_to(pipeline.raw)
    pipeline.settings = change_paths(pipeline, raw=str(link))
    pipeline.land()
    for skipped in ("a subfolder: sub.", "the name begins with _ or .: .hidden.csv, _late.csv."):
        assert any(skipped in line for line in pipeline.messages), pipeline.messages
    before = read_versions(pipeline)
    pipeline.settings = change_paths(pipeline, raw=real)
    pipeline.land()
    assert (read_versions(pipeline), read_raw_sessions(pipeline)) == (before, ["a"])
    # Entries that an older version recorded under the link's path stay valid, even if it landed the file twice.
    ctx = pipeline.ctx()
    (row,) = ctx.ledger.files()
    ctx.ledger.record_files([row | {"path": f"{link}/a.csv"}], {row["path"]})
    pipeline.land()
    assert [row["path"] for row in pipeline.ctx().ledger.files()] == [f"{link}/a.csv"]
    again = row | {"path": f"{real}/../raw/a.csv", "file_id": 2}
    pipeline.ctx().ledger.record_files([again])
    storage = pipeline.ctx().storage
    unfenced_writer(storage).append(tables.RAW_EVENTS, pipeline.read(tables.RAW_EVENTS).withColumn("file_id", F.lit(2)))
    ctx = pipeline.ctx()
    stamped = [each | {"raw_version": storage.version(tables.RAW_EVENTS)} for each in ctx.ledger.files()]
    ctx.ledger.record_files(stamped)
    pipeline.land()
    assert read_raw_sessions(pipeline) == ["a"]
    assert [(row["file_id"], row["rows"]) for row in pipeline.ctx().ledger.files()] == [(1, 1), (2, 0)]


def test_a_linked_file_keeps_the_name_under_which_it_landed_first(pipeline):
    cache = pipeline.folder / "cache"
    cache.mkdir()
    (cache / "9c01").write_bytes(gzip.compress((HEAD + session_lines("a", "b")).encode()))
    for name in ("2019-Oct.csv.gz", "other.csv"):
        (pipeline.folder / name).symlink_to(cache / "9c01")
        pipeline.settings = change_paths(pipeline, raw=str(pipeline.folder / name))
        pipeline.land()
        assert read_raw_sessions(pipeline) == ["a", "b"]
    (cache / "9c01").write_bytes(gzip.compress((HEAD + session_lines("c")).encode()))
    pipeline.land()  # still through the other link
    assert read_raw_sessions(pipeline) == ["c"]
    (row,) = pipeline.ctx().ledger.files()
    assert (row["path"], row["name"], row["status"]) == (str(cache / "9c01"), "2019-Oct.csv.gz", "landed")


def test_the_text_of_a_row_with_an_invalid_time_is_kept(pipeline):
    times = ("2019-13-01 09:00:00", "2019-02-30 09:00:00", "2019-10-01 25:00:00", "0000-01-01 00:00:00")
    times += ("2019-10-01 24:00:00", "9999-12-31 23:59:59", "1999-12-31 23:59:59")
    lines = [event_line(time=time, session_id=f"s-{i}").strip() for i, time in enumerate(times)]
    pipeline.put("a.csv", HEAD + "\n".join(lines) + "\n" + session_lines("good"))
    pipeline.land()
    pipeline.validate()
    assert sorted(row.raw_text for row in pipeline.read(tables.REJECTED_EVENTS).collect()) == sorted(lines)


@pytest.fixture
def distant_dates(pipeline, postgres):
    """Put twenty rows of one hour, one row of 2000 and one row of 2087."""
    pipeline.put("a.csv", HEAD + session_lines(*(f"s-{i}" for i in range(20)), time="2019-10-01 09:01:00"))
    pipeline.put(
        "b.csv",
        HEAD + session_lines("old", time="2000-01-01 00:21:00") + session_lines("new", time="2087-03-05 04:00:00"),
    )
    return pipeline


def test_rows_with_distant_dates_do_not_create_the_hours_in_between(distant_dates):
    distant_dates.land()
    assert [row["day"].year for row in distant_dates.ctx().ledger.days()] == [2000, 2019, 2087]
    assert {
        row["day"].year: (row["hours_empty"], row["hours_missing"]) for row in distant_dates.ctx().ledger.days()
    } == {
        2000: (23, 1),
        2019: (9, 15),  # the latest hour that is not in the future is 09:00
        2087: (0, 24),
    }
    span = Window(datetime(1990, 1, 1), datetime(2090, 1, 1), HOUR)
    message = distant_dates.expect_refusal(lambda: distant_dates.land(span))
    assert "2019-10-01T10 to 2087-03-05T03, 2087-03-05T05 to 2089-12-31T23" in message
    distant_dates.validate(span)
    distant_dates.load(span)
    distant_dates.run_daily(Window(span.start, datetime(2020, 1, 1), DAY))
    assert distant_dates.read(tables.HOUR_STATUS).count() == 3
    hours = facts.count_hours(distant_dates.ctx())
    assert hours["at"] == ["2000-01-01T00", "2019-10-01T09", "2087-03-05T04"]
    assert hours["gaps"] == "2000-01-01T01 to 2019-10-01T08, 2019-10-01T10 to 2087-03-05T03"
    assert charts.draw_lines(hours["at"], hours["counts"]).count("<path") < 60


def test_a_gap_between_days_is_described_in_one_line():
    first, last = datetime(2000, 1, 1).date(), datetime(2019, 10, 1).date()
    assert describe_gap(first, last) == "2000-01-02 to 2019-09-30: no rows (7,212 days)"
    assert describe_gap(first, first + DAY) is None
    assert describe_gap(first, first + 2 * DAY) == "2000-01-02: no rows"


def test_a_home_folder_is_expanded_in_every_path_and_a_chosen_raw_folder_gets_no_sample(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = load(["paths.raw=~/events", "paths.warehouse='~/tables'"])
    assert (found.paths.raw, found.paths.warehouse) == (str(tmp_path / "events"), str(tmp_path / "tables"))
    assert not is_default_raw(found) and is_default_raw(load())
    assert load(["paths.raw=s3a://shop/~raw"]).paths.raw == "s3a://shop/~raw"
    with pytest.raises(SettingsError, match=r"setting paths\.raw ~nobody-here/x: no home folder is known"):
        load(["paths.raw=~nobody-here/x"])
    with pytest.raises(SourceError, match="no such file or folder"):
        list_files(found.paths.raw)
    assert Path(load().paths.raw) == ROOT / "data" / "raw"
