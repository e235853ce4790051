"""Erased users: their records are found and counted, and no file brings them back."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.commands import forget
from spark_jobs.erasure import suppressed_users, user_traces
from spark_jobs.errors import IdentityError, PipelineError, SettingsError
from spark_jobs.flow import Writer
from spark_jobs.inspection import reconciliation
from spark_jobs.settings import load
from spark_jobs.sources import arrow_fast_path
from spark_jobs.sources.csv_records import FileSplit, Header, RecordCounter, read_split
from spark_jobs.sources.header import map_columns
from spark_jobs.sources.suppression import Suppression, digest_user, key_id
from tests.events import HEAD, event_line

USER, OTHER = 900_000_001, 541_312_140
NAMES = tuple(HEAD.strip().split(","))
HEADER = Header(NAMES, tuple(map_columns(list(NAMES))))
KEY = b"k" * 32


def format_line(user: object, session: str = "s") -> str:
    return event_line(user_id=user, session_id=session)


def find_suppressed(*lines: str) -> list[bool]:
    """Return for each line, in reading order, whether it belongs to the erased user."""
    data = "".join(lines).encode()
    suppression = Suppression(KEY, frozenset([digest_user(KEY, USER)]))
    found = []
    for batch in read_split(FileSplit(1, 1, "", 0, len(data), False), io.BytesIO(data), HEADER):
        found += suppression.find(arrow_fast_path.parse_plain(batch, HEADER.columns)).to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        (format_line(USER), True),
        (format_line(f" {USER} "), True),
        (format_line(f"0{USER}"), True),
        (format_line(f'"{USER}"'), True),
        (format_line(OTHER), False),
        (format_line(f"{USER}0"), False),
        (format_line(""), False),
        (format_line("x"), False),
        (format_line(USER).replace("5.00", "-1"), True),  # rejected later
        (format_line(USER).replace("2019-10-01", "2019-13-01"), True),
        (format_line(USER).strip() + ",surplus\n", True),  # malformed: the id may be in any field
        (f'2019-10-01 09:00:00 UTC,"view,1,77,,,5.00,{USER},s\n', True),  # an unclosed quote
        (f'2019-10-01 09:00:00 UTC,"view,1,77,,,5.00;{USER};s\n', True),
        (f"2019-10-01 09:00:00 UTC,view,{USER},77,,,5.00,{OTHER},s\n", False),  # an item with the same id
        (format_line(f"00000000000{USER}"), True),
        (f"{USER}\n", True),
    ],
)
def test_a_record_of_an_erased_user_is_found_by_its_user_id_or_by_its_text(text, theirs):
    assert find_suppressed(text) == [theirs]
    assert sorted(find_suppressed(format_line(OTHER), text, format_line(OTHER))) == sorted([False, False, theirs])


def test_the_suppression_list_reveals_no_user_and_depends_on_its_key():
    assert digest_user(KEY, USER) != digest_user(b"j" * 32, USER)
    assert str(USER) not in digest_user(KEY, USER)
    assert key_id(KEY) != key_id(b"j" * 32)


LINES = st.lists(st.text(alphabet='a,"\r\t \ufeff', max_size=6) | st.just(format_line(1).strip()), max_size=12)


@settings(max_examples=300, deadline=None)
@given(LINES, st.integers(1, 9), st.booleans())
def test_the_counter_counts_the_records_that_the_reader_returns(texts, size, ends):
    data = "\n".join(texts).encode() + (b"\n" if ends else b"")
    counter = RecordCounter()
    for start in range(0, len(data), size):
        counter.add(data[start : start + size])
    batches = read_split(FileSplit(1, 1, "", 0, len(data), not ends), io.BytesIO(data), HEADER)
    assert counter.count() == sum(batch.num_rows for batch in batches)


def read_sessions(pipeline) -> list[str]:
    rows = pipeline.read(tables.RAW_EVENTS, "session_id").where("session_id IS NOT NULL").collect()
    return sorted(row.session_id for row in rows)


def reconcile(pipeline) -> tuple[int, int, int]:
    return tuple(reconciliation.reconcile_records(pipeline.ctx()).values())


def test_records_of_an_erased_user_land_only_after_the_erasure_is_lifted(pipeline):
    key = Path(f"{pipeline.settings.paths.warehouse}.key")
    with hold_leases(pipeline.settings, pipeline.spark, [Writer.COLLECTION]) as ctx:
        writing = ctx.write_as(Writer.COLLECTION)
        assert suppressed_users.suppress(writing, USER)
        assert not suppressed_users.suppress(writing, USER)
    assert key.stat().st_mode & 0o777 == 0o600
    path = pipeline.put(
        "a.csv",
        HEAD + format_line(USER, "u-1") + format_line(OTHER, "o-1") + f"{USER}\n" + format_line(USER, "u-2").strip(),
    )
    pipeline.land()
    assert (read_sessions(pipeline), reconcile(pipeline)) == (["o-1"], (4, 1, 3))
    with path.open("a") as file:  # completes the last line, which still belongs to the user
        file.write("\n" + format_line(OTHER, "o-2"))
    pipeline.land()
    assert (read_sessions(pipeline), reconcile(pipeline)) == (["o-1", "o-2"], (5, 2, 3))
    pipeline.put("copy.csv", HEAD + format_line(USER, "u-1") + format_line(OTHER, "o-3"))  # a new export
    assert pipeline.land()["records_suppressed"] == 4
    assert (read_sessions(pipeline), reconcile(pipeline)) == (["o-1", "o-2", "o-3"], (7, 3, 4))
    text = key.read_text()
    for damage, message in ((key.unlink, "is missing"), (lambda: key.write_text("00" * 32), "is not the one")):
        damage()
        assert f"{key}: the key of the 1 erased users {message}" in pipeline.expect_refusal(pipeline.land)
    key.write_text(text)
    with hold_leases(pipeline.settings, pipeline.spark, [Writer.COLLECTION]) as ctx:
        lines = list(forget.lift(ctx, USER))
        assert "a.csv" in lines[1] and "copy.csv" in lines[1]
        with pytest.raises(PipelineError, match="is not on the list"):
            list(forget.lift(ctx, USER))
    pipeline.land()
    assert reconcile(pipeline) == (7, 7, 0)
    assert read_sessions(pipeline) == ["o-1", "o-2", "o-3", "u-1", "u-1", "u-2"]
    ctx = pipeline.ctx()
    wrong = ctx.ledger.files()[0] | {"records": 99}
    ctx.ledger.record_files([wrong])
    with pytest.raises(IdentityError, match=r"a\.csv: 99 records were counted, but 5 landed and 0 were suppressed"):
        reconciliation.reconcile_records(ctx)


def test_a_remote_warehouse_needs_a_setting_for_the_address_of_the_key():
    remote = load(["paths.warehouse=s3a://shop/warehouse"])
    with pytest.raises(SettingsError, match=r"setting privacy\.key_file: name a file"):
        suppressed_users.key_address(remote)
    named = load(["paths.warehouse=s3a://shop/warehouse", "privacy.key_file=s3a://shop/keys/erased"])
    assert suppressed_users.key_address(named) == "s3a://shop/keys/erased"
    assert suppressed_users.key_address(load()).endswith("data/warehouse.key")


def test_reports_that_contain_the_user_are_removed_and_logs_that_do_are_listed(tmp_path):
    found = load(
        [f"paths.{name}='{tmp_path / name}'" for name in ("reports", "logs", "quality", "lineage", "processed")]
    )
    for name, text in {
        "reports/2019.json": json.dumps({"rejected": [{"example": f"x,{USER},y"}]}),
        "reports/2019.html": "a page",
        "reports/2020.json": json.dumps({"rejected": [{"example": f"x,{USER}1,y"}], "rows": USER}),
        "reports/2020.html": "a page",
        "logs/error-1.txt": "x" * user_traces.BLOCK + f",{USER},",
        "logs/error-2.txt": "nothing",
        "processed/user_features.csv": str(USER),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert user_traces.remove_reports(found, USER) == 1
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["2020.html", "2020.json"]
    lines = list(user_traces.describe_traces(found, USER))
    assert any("error-1.txt" in line and "error-2" not in line for line in lines)
    assert any(str(tmp_path / "processed") in line for line in lines)
