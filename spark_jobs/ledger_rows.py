"""The rows of the ledger's tables as Python values. `spark_jobs/tables/ledger.py` declares what each column means.

A row that was read has every column. Rows of files, hours and builds are put together from parts, so a part may omit
columns. The ledger completes a row before it writes it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict, TypeVar

Row = Mapping[str, object]  # of any table
RowT = TypeVar("RowT", bound=Row)


class FileHour(TypedDict):
    """An entry of `FileRow.hours`: what a file gave for one UTC hour. `hour` None: its undated rows."""

    hour: datetime | None
    rows: int
    low: int
    high: int
    unfinished: bool


class FileRow(TypedDict, total=False):
    """A row of landed_files."""

    file_id: int
    path: str
    status: str
    sentence: str | None
    size: int
    modified: int
    digest: str | None
    content_bytes: int | None
    header: list[str] | None
    part: int
    rows: int
    hours: list[FileHour]
    unfinished_from: int | None
    landed_at: datetime
    raw_version: int
    records: int | None
    suppressed: int | None
    suppressed_unfinished: bool | None
    name: str | None
    rule_version: int | None


class HourRow(TypedDict, total=False):
    """A row of hour_status."""

    unit: str
    month: str
    hour: datetime | None
    status: str
    raw_rows: int
    raw_digest: str
    valid_rows: int
    rejected_rows: int
    reasons: dict[str, int]
    types: dict[str, int] | None
    mean_price: Decimal | None
    content_digest: str
    warnings: list[str]
    verdict: str | None
    accepted: str | None
    updated_at: datetime
    rule_version: int | None
    writes: dict[str, int] | None


class BuildRow(TypedDict, total=False):
    """A row of day_builds."""

    day: date
    step: str
    status: str
    input_digest: str
    output_digest: str
    rows_in: int
    rows_out: int
    counts: dict[str, str]
    reads: dict[str, int] | None
    verdict: str | None
    built_at: datetime
    writes: dict[str, int] | None
    rule_versions: dict[str, int] | None


class DayRow(TypedDict):
    """A row of day_status."""

    day: date
    hours_loaded: int
    hours_empty: int
    hours_stopped: int
    hours_missing: int
    complete: bool
    dirty: bool
    built: bool


class SuppressedUserRow(TypedDict):
    """A row of suppressed_users."""

    user_hmac: str
    key_id: str
    suppressed_at: datetime
    erased_at: datetime | None


class LeaseRow(TypedDict):
    """A row of leases."""

    part: str
    epoch: int
    warehouse: str
    host: str
    taken_at: datetime
    layout: int | None
