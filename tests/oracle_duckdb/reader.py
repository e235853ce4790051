"""Read CSV records from raw files in plain Python: RFC 4180 with the additions of the spec."""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REQUIRED = {"user_id", "item_id", "event_type", "timestamp"}
KNOWN = REQUIRED | {"rating", "category_id", "category_code", "brand", "session_id", "price"}
KAGGLE = {"event_time": "timestamp", "product_id": "item_id", "user_session": "session_id"}
BLANKS = " \t"
BOM = "\ufeff"
QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"(,|\Z)')


class Record(NamedTuple):
    """One raw row: its text and its known columns; `fields` is None for a malformed record."""

    text: str
    fields: dict[str, str] | None


def read_records(path: Path) -> Iterator[Record]:
    """Yield every raw row of one file. Raises ValueError if the whole file must be refused."""
    lines = (line.removesuffix("\r") for line in _read_text(path).split("\n"))
    lines = (line for line in lines if line.strip(BLANKS))
    names = _parse_header(path, next(lines, None))
    columns = [KAGGLE.get(name, name) for name in names]
    for line in lines:
        values = split_record(line)
        if values is None or len(values) != len(names) or _is_header(values, names):
            yield Record(line, None)
        else:
            yield Record(line, {name: v for name, v in zip(columns, values, strict=True) if name in KNOWN})


def split_record(line: str) -> list[str] | None:
    """Split a line into its fields; return None if a quoted field does not end before a comma or the line's end."""
    if '"' not in line:
        return line.split(",")
    fields, more, rest = [], True, line
    while more:
        if rest.startswith('"'):
            quoted = QUOTED.match(rest)
            if quoted is None:
                return None
            value, more, rest = quoted[1].replace('""', '"'), bool(quoted[2]), rest[quoted.end() :]
        else:
            value, comma, rest = rest.partition(",")
            more = bool(comma)
        fields.append(value)
    return fields


def _read_text(path: Path) -> str:
    """Read the text of the file, with every gzip member, without the byte-order mark."""
    content = path.read_bytes()
    try:
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
        text = content.decode("utf-8")
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if text.startswith("version https://git-lfs"):
        raise ValueError(f"{path.name}: a Git-LFS pointer")
    if "\r" in text and "\n" not in text:
        raise ValueError(f"{path.name}: lines end in CR only")
    return text.removeprefix(BOM)


def _parse_header(path: Path, header: str | None) -> list[str]:
    """Return the trimmed names of the header as they are written; an empty name is an unknown column."""
    values = None if header is None else split_record(header)
    if values is None:
        raise ValueError(f"{path.name}: no header")
    names = [value.strip(BLANKS) for value in values]
    mapped = [KAGGLE.get(name, name) for name in names if name]
    if missing := REQUIRED - set(mapped):
        raise ValueError(f"{path.name}: lacks {sorted(missing)}")
    if len(mapped) > len(set(mapped)):
        raise ValueError(f"{path.name}: two columns of one name")
    return names


def _is_header(values: list[str], names: list[str]) -> bool:
    """Check whether a record repeats the header, with or without the byte-order mark of a concatenated file."""
    return [value.strip(BLANKS) for value in (values[0].removeprefix(BOM), *values[1:])] == names
