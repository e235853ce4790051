"""CSV records out of raw files: RFC 4180 with the twists of the spec, in plain Python."""

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
    """One raw row: its text and its known columns, or None for those of a malformed record."""

    text: str
    fields: dict[str, str] | None


def records(path: Path) -> Iterator[Record]:
    """Every raw row of one file; ValueError when the file as a whole has to be refused."""
    lines = (line.removesuffix("\r") for line in _text(path).split("\n"))
    lines = (line for line in lines if line.strip(BLANKS))
    names = _names(path, next(lines, None))
    columns = [KAGGLE.get(name, name) for name in names]
    for line in lines:
        values = split_record(line)
        if values is None or len(values) != len(names) or _is_header(values, names):
            yield Record(line, None)
        else:
            yield Record(line, {name: v for name, v in zip(columns, values, strict=True) if name in KNOWN})


def split_record(line: str) -> list[str] | None:
    """The fields of one line, or None if a quoted field does not end with a quote before a comma or the line's end."""
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


def _text(path: Path) -> str:
    """The file's text without its byte-order mark, every gzip member read."""
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


def _names(path: Path, header: str | None) -> list[str]:
    """The trimmed names of the header, as written; an empty name is an unknown column."""
    values = None if header is None else split_record(header)
    if values is None:
        raise ValueError(f"{path.name}: no header")
    names = [value.strip(BLANKS) for value in values]
    given = [KAGGLE.get(name, name) for name in names if name]
    if missing := REQUIRED - set(given):
        raise ValueError(f"{path.name}: lacks {sorted(missing)}")
    if len(given) > len(set(given)):
        raise ValueError(f"{path.name}: two columns of one name")
    return names


def _is_header(values: list[str], names: list[str]) -> bool:
    """Whether a record is the header again, with or without the byte-order mark of a joined file."""
    return [value.strip(BLANKS) for value in (values[0].removeprefix(BOM), *values[1:])] == names
