"""The landed rows equal those of the files, however the files change between landings; landing again changes nothing.

The files are real, but there is no Spark: what a landing would write is kept in a list.
"""

import gzip
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import tables
from spark_jobs.ingest.landed_rows import Reading, ledger_rows
from spark_jobs.ingest.landing import _select_replaced_rows
from spark_jobs.ingest.landing_plan import plan_landing
from spark_jobs.ledger.known_files import known_files
from spark_jobs.sources import csv_records, files
from spark_jobs.sources.file_decisions import READS, Action, split_files
from spark_jobs.sources.listing import list_files
from tests.events import HEAD, session_lines

HOUR = datetime(2019, 10, 1, 9)
NAMES = ("a.csv", "b.csv", "c.csv.gz", "d.csv.gz")
BROKEN = ("no UTF-8",)  # the content of a file that is refused
EMPTY = {field.name: None for field in tables.LANDED_FILES.fields}


@dataclass
class Shop:
    """A raw folder and the rows that landed from it, as (file_id, part, unfinished, session)."""

    raw: Path
    rows: list[tuple] = field(default_factory=list)
    ledger: dict[str, dict] = field(default_factory=dict)
    clock: count = field(default_factory=lambda: count(1_570_000_000))

    def write(self, state: dict[str, tuple[str, ...]]) -> None:
        """Make the folder contain exactly these files, each a tuple of sessions; a changed file gets a new time."""
        for path in self.raw.iterdir():
            if path.name not in state:
                path.unlink()
        for name, sessions in state.items():
            text = HEAD + session_lines(*sessions)
            content = gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode()
            self.put(name, b"\xff\xfe" if sessions == BROKEN else content)

    def put(self, name: str, content: bytes) -> None:
        """Write a file, with a new time if this changes its content."""
        path = self.raw / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            os.utime(path, (next(self.clock),) * 2)

    def plan(self):
        schema = SimpleNamespace(new_column="leave_out", lost_column="accept")
        paths = SimpleNamespace(raw=str(self.raw))
        ctx = SimpleNamespace(spark=None, settings=SimpleNamespace(source_schema=schema, paths=paths))
        known = known_files(self.ledger.values())
        return plan_landing(ctx, list_files(str(self.raw)).files, known, rehash=False), known

    def land(self) -> list[Action]:
        """Apply a landing; return what happened to each examined file."""
        plan, known = self.plan()
        for decision in plan.decisions:
            gone = _select_replaced_rows(decision, plan.known.get(decision.file.path))
            is_gone = [gone and row[0] == decision.file_id and self._is_removed(decision, row) for row in self.rows]
            self.rows = [row for row, is_removed in zip(self.rows, is_gone, strict=True) if not is_removed]
        self.rows = [row for row in self.rows if row[0] not in plan.replaced]
        readings = {}
        for decision in (decision for decision in plan.decisions if decision.action in READS):
            read = self._read(decision)
            self.rows += read
            counted = Counter(row[2] for row in read).items()
            hours = [{"hour": HOUR, "rows": n, "low": n, "high": 0, "unfinished": last} for last, n in counted]
            readings[decision.file_id] = Reading(hours)
        rows, outdated = ledger_rows(plan, known, readings)
        self.ledger = {path: row for path, row in self.ledger.items() if path not in outdated}
        self.ledger |= {row["path"]: EMPTY | row for row in rows}
        self._check_consistency()
        return [decision.action for decision in plan.decisions]

    def _check_consistency(self) -> None:
        """Check that ledger and rows agree, no file id occurs twice, and records = rows where they were counted."""
        counted = Counter(row[0] for row in self.rows)
        assert {row["file_id"]: row["rows"] for row in self.ledger.values() if row["rows"]} == counted
        assert len({row["file_id"] for row in self.ledger.values()}) == len(self.ledger)
        assert all(row["records"] in (None, row["rows"]) for row in self.ledger.values())

    def has_own_rows(self, name: str) -> bool:
        """Return whether the file landed rows of its own; a copy did not."""
        return self.ledger[str(self.raw / name)]["rows"] > 0

    def count_sessions(self) -> Counter:
        return Counter(row[3] for row in self.rows)

    def _is_removed(self, decision, row: tuple) -> bool:
        return decision.action is not Action.GREW or row[2]

    def _read(self, decision) -> list[tuple]:
        header = csv_records.Header(decision.examined.header, decision.columns)
        found = []
        for part in split_files(decision, 1 << 20):
            with files.open_content(part.path, part.start, part.packed) as stream:
                for batch in csv_records.read_split(part, stream, header):
                    found += [(r["file_id"], r["part"], r["unfinished"], r["session_id"]) for r in batch.to_pylist()]
        return found


def expected_contents(before: dict[str, tuple], state: dict[str, tuple]) -> dict[str, tuple]:
    """Return what raw_events must contain afterwards, by path: every file, and removed ones that were not renamed."""
    kept = {}
    state = {name: content for name, content in state.items() if content != BROKEN}
    for path, content in before.items():
        grown = (c for name, c in state.items() if before.get(name) != c and c[: len(content)] == content)
        is_grown = any(len(c) > len(content) for c in grown)
        if path not in state and content not in state.values() and not is_grown:
            kept[path] = content
    return state | kept


def count_each_content_once(contents: dict[str, tuple]) -> Counter:
    """Count the sessions of all files, but files with the same content only once."""
    return Counter(session for content in set(contents.values()) for session in content)


NUMBERS = count()


def new_sessions(n: int = 2) -> tuple[str, ...]:
    """Return sessions that no other file has."""
    number = next(NUMBERS)
    return tuple(f"s-{number}-{i}" for i in range(n))


@st.composite
def histories(draw) -> list[dict[str, tuple]]:
    """Generate a state of the folder for each landing: contents are permuted, renamed, copied, replaced, removed."""
    state = {name: new_sessions() for name in draw(st.sets(st.sampled_from(NAMES), min_size=1))}
    found = [state]
    for _ in range(draw(st.integers(1, 4))):
        contents = [*state.values(), new_sessions(), new_sessions(3), BROKEN]
        names = draw(st.sets(st.sampled_from(NAMES), min_size=1))
        state = {name: draw(st.sampled_from(contents)) for name in sorted(names)}
        found.append(state)
    return found


@settings(max_examples=200, deadline=None)
@given(histories())
def test_the_landed_rows_equal_those_of_the_files_and_landing_again_changes_nothing(history):
    with TemporaryDirectory() as folder:
        shop, contents = Shop(Path(folder)), {}
        for state in history:
            shop.write(state)
            contents = expected_contents(
                {path: content for path, content in contents.items() if shop.has_own_rows(path)}, state
            )
            shop.land()
            assert shop.count_sessions() == count_each_content_once(contents), history
            before = list(shop.rows), {path: dict(row) for path, row in shop.ledger.items()}
            plan, _ = shop.plan()
            assert not plan.replaced and not plan.gone and not {each.action for each in plan.decisions} & {*READS}
            shop.land()
            assert (shop.rows, shop.ledger) == before


@pytest.fixture
def shop(tmp_path) -> Shop:
    return Shop(tmp_path)


def land_files(shop: Shop, **state: tuple[str, ...]) -> Counter:
    shop.write({f"{name}.csv": content for name, content in state.items()})
    shop.land()
    return shop.count_sessions()


def test_rotated_files_keep_all_their_rows(shop):
    land_files(shop, events_1=("a", "b"), events=("c",))
    assert land_files(shop, events_2=("a", "b"), events_1=("c",), events=("d",)) == Counter("abcd")
    assert land_files(shop, events_3=("a", "b"), events_2=("c",), events_1=("d",), events=("e",)) == Counter("abcde")


def test_a_file_that_was_renamed_and_replaced_between_two_landings_keeps_its_rows(shop):
    land_files(shop, a=("x", "y"))
    assert land_files(shop, b=("x", "y"), a=("z",)) == Counter("xyz")


def test_a_file_that_was_renamed_and_has_grown_does_not_land_its_rows_twice(shop):
    land_files(shop, a=("x",), old=("o",))
    assert land_files(shop, b=("x", "y"), old=("o",)) == Counter("xyo")
    assert land_files(shop, b=("x", "y", "z"), old=("o",)) == Counter("xyzo")
    assert land_files(shop, old=("x", "y", "z", "!")) == Counter("xyz!")  # it replaced another file and has grown


def test_a_copy_lands_when_its_original_changes_or_grows(shop):
    land_files(shop, a=("x",), b=("x",))
    assert shop.count_sessions() == Counter("x")
    assert land_files(shop, a=("y",), b=("x",)) == Counter("xy")
    land_files(shop, a=("x",), b=("x",))
    assert land_files(shop, a=("x", "z"), b=("x",)) == Counter("xxz")  # overlapping files both keep their rows


def test_a_removed_file_keeps_its_rows_and_a_copy_of_it_adds_none(shop):
    land_files(shop, a=("x",), b=("y",))
    assert land_files(shop, b=("y",)) == Counter("xy")
    assert land_files(shop, b=("y",), c=("x",)) == Counter("xy")
    assert shop.ledger[str(shop.raw / "c.csv")]["status"] == "landed"
    assert land_files(shop, b=("y",), c=("w",)) == Counter("yw")


def test_a_refused_file_keeps_its_landed_rows_and_no_file_id_is_assigned_twice(shop):
    land_files(shop, a=("x",), b=("y",))
    shop.put("a.csv", b"\xff\xfe")
    assert shop.land() == [Action.REFUSED]
    assert shop.count_sessions() == Counter("xy")
    shop.write({"b.csv": ("y",), "c.csv": ("x",)})  # its rows now belong to another file
    shop.land()
    assert shop.count_sessions() == Counter("xy")
    ids = [row["file_id"] for row in shop.ledger.values()]
    assert len(ids) == len(set(ids))


def test_files_that_were_rotated_and_compressed_do_not_land_their_rows_twice(shop):
    shop.write({"events.csv": ("a", "b")})
    shop.land()
    shop.write({"events.1.csv.gz": ("a", "b")})
    shop.land()
    shop.write({"events.1.csv.gz": ("a", "b"), "events.csv": ("c",)})
    shop.land()
    shop.write({"events.2.csv.gz": ("a", "b"), "events.1.csv.gz": ("c",), "events.csv": ("d",)})
    shop.land()
    assert shop.count_sessions() == Counter("abcd")


def test_a_file_that_was_copied_and_then_truncated_does_not_land_its_rows_twice(shop):
    land_files(shop, events=("a",))
    shop.write({"events.1.csv": ("a", "b")})
    shop.put("events.csv", b"")  # truncated in place: the file was never removed
    shop.land()
    assert shop.count_sessions() == Counter("ab")
    shop.write({"events.1.csv": ("a", "b"), "events.csv": ("c",)})
    shop.land()
    assert shop.count_sessions() == Counter("abc")


def test_an_older_ledger_that_has_a_file_under_two_paths_keeps_one_of_them(shop, tmp_path):
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    land_files(shop, a=("x",))
    (row,) = shop.ledger.values()
    twice = {str(folder / "a.csv"): number for number, folder in ((1, link), (2, tmp_path))}
    shop.ledger = {path: row | {"file_id": number, "path": path} for path, number in twice.items()}
    shop.rows = [(1, 1, False, "x"), (2, 1, False, "x")]
    shop.land()
    assert shop.count_sessions() == Counter("x")
    shop.land()
    assert land_files(shop, a=("y",)) == Counter("y")


def test_a_landed_file_that_becomes_a_link_out_of_the_folder_keeps_its_rows(shop, tmp_path_factory):
    land_files(shop, a=("x",))
    cache = tmp_path_factory.mktemp("cache") / "9c01"
    (shop.raw / "a.csv").rename(cache)
    (shop.raw / "a.csv").symlink_to(cache)
    for _ in range(2):
        shop.land()
        assert shop.count_sessions() == Counter("x")
    (shop.raw / "b.csv").symlink_to(tmp_path_factory.mktemp("other") / "nothing")
    assert shop.land() == []
