"""Whole files: what is read, and the one sentence about what is refused. Needs no Spark."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from spark_jobs.errors import SourceError
from spark_jobs.sources import files
from spark_jobs.sources.csv_records import FileSplit, Header, read_split, split_fields
from spark_jobs.sources.file_decisions import Strict, decide
from spark_jobs.sources.header import map_columns
from spark_jobs.sources.listing import ListedFile, list_files
from tests.conftest import CASES
from tests.events import HEAD, event_line

ROW = event_line(session_id="s-1")


def read_records(path: Path) -> list[dict]:
    examined = files.examine(str(path))
    assert examined.refusal is None
    header = Header(examined.header, tuple(map_columns([name.strip() for name in examined.header])))
    split = FileSplit(1, 1, str(path), examined.body_from, examined.content_bytes, examined.unfinished_from is not None)
    with files.open_content(str(path), split.start) as stream:
        return [row for batch in read_split(split, stream, header) for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is blank"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "Git LFS pointer"),
        (HEAD.encode("utf-16"), "UTF-16"),
        (bytes(range(256)) * 20, "first line"),
        (HEAD.replace("\n", "\r").encode() + ROW.encode(), "CR alone"),
        (HEAD.encode() + ROW.replace("acme", "caf\u00e9").encode("latin-1"), "not valid UTF-8"),
        (gzip.compress(b"x", mtime=0)[:5], "first line"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_one_sentence(tmp_path, content, says):
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    refusal = files.examine(str(path)).refusal
    assert says in refusal
    assert "\n" not in refusal


def test_a_malicious_file_is_refused_with_one_sentence(tmp_path, monkeypatch):
    def find_refusal(path: Path) -> str:
        return files.examine(str(path)).refusal

    raw = tmp_path / "raw"
    raw.mkdir()
    (tmp_path / "secret.csv").write_text(HEAD + ROW)
    (raw / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert "a link to a file outside this folder" in find_refusal(raw / "link.csv")
    (raw / "inside.csv").write_text(HEAD + ROW)
    (raw / "alias.csv").symlink_to(raw / "inside.csv")
    assert find_refusal(raw / "alias.csv") is None
    (raw / "line.csv").write_text(HEAD + ROW + "x" * (17 << 20) + "\n" + ROW)
    assert f"the line that begins at byte {len(HEAD + ROW):,} has more than 16 MiB" in find_refusal(raw / "line.csv")
    (raw / "columns.csv").write_text(",".join(f"c{i}" for i in range(1_000_000)) + "\n" + ROW)
    assert "no line ends in its first 1,048,576 bytes" in find_refusal(raw / "columns.csv")
    monkeypatch.setattr(files, "MOST_UNPACKED", 1 << 20)
    (raw / "bomb.csv.gz").write_bytes(gzip.compress((HEAD + ROW * 50_000).encode()))
    assert "unpacks to more than" in find_refusal(raw / "bomb.csv.gz")


def test_a_truncated_gzip_file_is_refused_and_all_members_of_a_gzip_file_are_read():
    assert "truncated" in files.examine(str(CASES / "c07-truncated.csv.gz")).refusal
    assert [row["session_id"] for row in read_records(CASES / "c07-two-members.csv.gz")] == ["s-1", "s-2", "s-3", "s-4"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["item_id", "event_type", "timestamp"], "user_id is missing"),
        (
            ["event_time", "timestamp", "event_type", "item_id", "user_id"],
            "two names for one column: event_time and timestamp",
        ),
        (["user_id", "user_id", "event_type", "item_id", "timestamp"], "user_id 2 times"),
        (["2019-10-01 00:00:00 UTC", "view", "44600062"], "no header"),
        (["User_ID", "item_id", "event_type", "timestamp"], "user_id is missing"),
    ],
)
def test_an_unusable_header_is_refused_with_one_sentence(names, says):
    with pytest.raises(SourceError, match=says):
        map_columns(names)


def test_an_unknown_or_empty_column_name_is_replaced_by_a_numbered_one():
    assert map_columns(["user_id", "x", "", "item_id", "event_type", "timestamp"])[1:3] == ["unknown_1", "unknown_2"]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('a,"b,c",d', ["a", "b,c", "d"]),
        ('a,"b""c",', ["a", 'b"c', ""]),
        ('a,b"c,d', ["a", 'b"c', "d"]),
        ('a,"",d', ["a", "", "d"]),
        ("a,b\\,c", ["a", "b\\", "c"]),
        ('a,"b,c', None),
        ('a,"b"c,d', None),
    ],
)
def test_quoting_follows_rfc_4180(line, fields):
    assert split_fields(line) == fields


def test_a_line_with_another_number_of_fields_is_malformed_and_a_blank_line_is_skipped():
    rows = read_records(CASES / "c01-fields.csv")
    assert [row["malformed"] for row in rows].count(True) == 4
    assert len(rows) == 6
    assert {row["line"] for row in rows if row["malformed"]} >= {HEAD.strip()}


def test_line_endings_may_be_mixed():
    assert [row["session_id"] for row in read_records(CASES / "c05-mixed-ends.csv")] == ["s-1", "s-2", "s-3", "s-4"]


def test_a_line_with_an_open_quote_is_malformed_and_the_next_line_is_not(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(HEAD + ROW.replace("acme", '"ac') + ROW)
    assert [row["malformed"] for row in sorted(read_records(path), key=lambda row: row["malformed"])] == [False, True]


def test_a_last_line_without_a_newline_is_marked_as_unfinished(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(HEAD + ROW + ROW.strip())
    assert [row["unfinished"] for row in read_records(path)] == [False, True]


def test_the_splits_of_a_file_give_the_same_records_as_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CUT", 200)
    monkeypatch.setattr(files, "BLOCK", 150)
    monkeypatch.setattr(files, "LONGEST_HEADER", 150)
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "".join(ROW.replace("s-1", f"s-{i}") for i in range(50)))
    examined = files.examine(str(path))
    assert len(examined.cuts) > 5
    header = Header(examined.header, tuple(map_columns(list(examined.header))))
    bounds = [examined.body_from, *examined.cuts, examined.content_bytes]
    found = []
    for start, end in pairwise(bounds):
        with files.open_content(str(path), start) as stream:
            batches = read_split(FileSplit(1, 1, str(path), start, end, False), stream, header)
            found += [row["session_id"] for batch in batches for row in batch.to_pylist()]
    assert found == [f"s-{i}" for i in range(50)]


def test_only_csv_files_directly_in_the_folder_are_listed(tmp_path):
    for name in ("a.csv", "B.CSV.GZ", "_c.csv", ".d.csv", "e.txt", "\ud55c\uae00 f.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "g.csv").mkdir()
    assert [file.name for file in list_files(str(tmp_path)).files] == ["B.CSV.GZ", "a.csv", "\ud55c\uae00 f.csv"]


KAGGLE = tuple(HEAD.strip().split(","))


def decide_second_file(header: tuple[str, ...], strict: Strict):
    """Decide about a second file with this header, after a first file with Kaggle's header."""
    first = {"path": "/raw/a.csv", "status": "landed", "file_id": 1, "header": map_columns(list(KAGGLE)), "rows": 1}
    known = {"/raw/a.csv": first | {"digest": "a", "part": 1, "unfinished_from": None, "content_bytes": 9}}
    examined = files.ExaminedFile("/raw/b.csv", digest="b", content_bytes=100, header=header, body_from=50)
    (decision,) = decide([(ListedFile("/raw/b.csv", "b.csv", 100, 0), examined)], known, 2, strict)
    return decision.action, decision.sentence


@pytest.mark.parametrize(
    ("header", "strict", "expected"),
    [
        (KAGGLE, Strict(True, True), ("new", None)),
        ((*KAGGLE, "colour"), Strict(), ("new", "b.csv: columns ignored: colour.")),
        (
            (*KAGGLE, "colour"),
            Strict(new_column=True),
            (
                "refused",
                "b.csv: unknown columns: colour; remove them, or set schema.new_column = 'leave_out'.",
            ),
        ),
        (
            tuple(name for name in KAGGLE if name not in ("price", "brand")),
            Strict(),
            ("new", "b.csv: missing columns: price, brand, which the previous file had; their values are null."),
        ),
        (
            tuple(name for name in KAGGLE if name != "price"),
            Strict(lost_column=True),
            ("refused", "b.csv: missing columns: price; fix the source, or set schema.lost_column = 'accept'."),
        ),
        (
            tuple("cost" if name == "price" else name for name in KAGGLE),
            Strict(),
            (
                "new",
                "b.csv: columns ignored: cost. b.csv: missing columns: price, which the previous file had; their "
                "values are null.",
            ),
        ),
    ],
    ids=["the same", "a new one", "a new one, refused", "two are gone", "one is gone, refused", "another name"],
)
def test_changed_columns_are_reported_or_refused_as_the_settings_require(header, strict, expected):
    assert decide_second_file(header, strict) == expected


def test_an_unchanged_file_is_read_again_when_one_of_its_columns_has_become_known():
    columns = map_columns(list(KAGGLE))
    row = {"path": "/raw/a.csv", "status": "landed", "file_id": 1, "part": 1, "rows": 1, "digest": "a"}
    row |= {"content_bytes": 100, "unfinished_from": None}
    examined = files.ExaminedFile("/raw/a.csv", digest="a", content_bytes=100, header=KAGGLE, body_from=50)
    for landed, action in ((columns, "same"), ([*columns[:-1], "unknown_8"], "changed")):
        pair = (ListedFile("/raw/a.csv", "a.csv", 100, 0), examined)
        (decision,) = decide([pair], {"/raw/a.csv": row | {"header": landed}}, 2)
        assert (decision.action, decision.revision) == (action, 1 if action == "same" else 2)


def test_the_second_header_of_a_concatenated_file_is_malformed_and_its_byte_order_mark_is_kept(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "\ufeff" + HEAD + ROW + "\ufeff" + ROW + ROW.replace("acme", "a\ufeffb"))
    found = {(row["malformed"], row["line"], row["brand"]) for row in read_records(path)}
    assert (True, "\ufeff" + HEAD.strip(), None) in found
    assert (False, "\ufeff" + ROW.strip(), "acme") in found
    assert {brand for _, _, brand in found} == {None, "acme", "a\ufeffb"}
