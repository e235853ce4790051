"""CSV records by RFC 4180, except that a record always ends with its line: from bytes to text columns.

A quote inside an unquoted field is text. A backslash is plain text. An unclosed quote spoils only its own line. Arrow
reads the lines without a quote (nearly all); `split_fields` reads the others.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

PIECE = 16 << 20
BLANKS = " \t"
BLANK_BYTES = BLANKS.encode()
NEWLINE, SPACE = ord("\n"), ord(" ")
BYTE_ORDER_MARK = "\ufeff"
_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",][^,]*|))(,|\Z)', re.DOTALL)


@dataclass(frozen=True)
class FileSplit:
    """Bytes [start, end) of a file's content, beginning at the start of a line.

    `last`: the last line has no newline. `revision`: the number of this reading of the file, as raw_events stores it
    (in `part`). `packed`: the file is gzip.
    """

    file_id: int
    revision: int
    path: str
    start: int
    end: int
    last: bool
    packed: bool = False


@dataclass(frozen=True)
class Header:
    """A header. `texts`: its fields as written; `columns`: our name of each (see `header.map_columns`)."""

    texts: tuple[str, ...]
    columns: tuple[str, ...]


def split_fields(line: str) -> list[str] | None:
    """Return the fields of one record; None where its quotes are invalid."""
    fields, position = [], 0
    while match := _FIELD.match(line, position):
        quoted, plain, comma = match.groups()
        fields.append(quoted.replace('""', '"') if quoted is not None else plain)
        position = match.end()
        if not comma:
            return fields
    return None


class RecordCounter:
    """Counts the lines of a stream that are not blank, block by block: its records and its header.

    It does not know how `read_split` splits records, so that each verifies the other.
    """

    def __init__(self) -> None:
        self._counted, self._open_line = 0, b""  # the start of an unfinished line, without leading blanks

    def add(self, block: bytes) -> None:
        """Count the lines of the next block."""
        first, last = block.find(b"\n"), block.rfind(b"\n")
        if first < 0:
            self._extend_open_line(block)
            return
        self._extend_open_line(block[:first])
        self._counted += self.is_open()
        self._counted += block.count(b"\n", first + 1, last + 1) - _count_blank(block, first, last)
        self._open_line = b""
        self._extend_open_line(block[last + 1 :])

    def count(self) -> int:
        """Return the number of lines so far, including a last line without a newline."""
        return self._counted + self.is_open()

    def is_open(self) -> bool:
        """Return whether a line has begun that has not ended yet and is not blank."""
        return self._open_line not in (b"", b"\r")

    def _extend_open_line(self, piece: bytes) -> None:
        """Keep just enough of a line to know whether it is blank: only blanks, then at most one CR."""
        rest = self._open_line + piece[:2] if self._open_line else piece.lstrip(BLANK_BYTES)[:2]
        self._open_line = rest[:2]


def _count_blank(block: bytes, first: int, last: int) -> int:
    """Return the number of blank lines between two newlines of a block."""
    codes = np.frombuffer(block, np.uint8)[first : last + 1]
    if not ((codes[:-1] == NEWLINE) & (codes[1:] <= SPACE)).any():  # no line begins with a blank, CR or newline
        return 0
    lines = block[first + 1 : last].split(b"\n") if last > first else []
    return sum(line.lstrip(BLANK_BYTES) in (b"", b"\r") for line in lines)


def schema(header: Header) -> pa.Schema:
    """Return the schema of `read_split`: the header's columns as text (null: empty field) and what `parse` needs."""
    marks = [("line", pa.string()), ("malformed", pa.bool_()), ("unfinished", pa.bool_())]
    marks += [("file_id", pa.int32()), ("part", pa.int32())]
    return pa.schema([(name, pa.string()) for name in header.columns] + marks)


def read_split(file_split: FileSplit, stream: io.BufferedIOBase, header: Header) -> Iterator[pa.RecordBatch]:
    """Yield the records of one split, piece by piece. `stream` must be positioned at `file_split.start`."""
    left = file_split.end - file_split.start
    rest: list[bytes] = []
    while left and (piece := stream.read(min(PIECE, left))):
        left -= len(piece)
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield from _parse_lines(b"".join([*rest, head, newline]), header, file_split, unfinished=False)
            rest = []
        rest.append(tail)
    yield from _parse_lines(b"".join(rest), header, file_split, unfinished=file_split.last)


def _parse_lines(data: bytes, header: Header, file_split: FileSplit, unfinished: bool) -> Iterator[pa.RecordBatch]:
    plain, odd_lines = _separate_odd_lines(data)
    misfits: list[str] = []
    table = _read_plain(plain, header, misfits)
    quoted: list[list[str | None]] = []
    lines: list[str] = []
    for line in odd_lines:
        fields = split_fields(line)
        if fields is None or len(fields) != len(header.texts) or _is_header(fields, header):
            misfits.append(line)
        else:
            quoted.append([field or None for field in fields])
            lines.append(line)
    nothing = [pa.nulls(len(misfits), pa.string())] * len(header.texts)
    quoted_columns = [pa.array(column, pa.string()) for column in zip(*quoted, strict=True)] if quoted else []
    for columns, texts, malformed in (
        (table.combine_chunks().columns, pa.nulls(table.num_rows, pa.string()), False),
        (quoted_columns, pa.array(lines, pa.string()), False),
        (nothing, pa.array(misfits, pa.string()), True),
    ):
        if size := len(texts):
            marks = [
                texts,
                pa.repeat(malformed, size),
                pa.repeat(unfinished, size),
                pa.repeat(pa.scalar(file_split.file_id, pa.int32()), size),
                pa.repeat(pa.scalar(file_split.revision, pa.int32()), size),
            ]
            yield from pa.table([*columns, *marks], schema=schema(header)).to_batches()


def _is_header(fields: list[str], header: Header) -> bool:
    """Return whether a record repeats the header; a file that was appended may add its byte-order mark."""
    return (fields[0].removeprefix(BYTE_ORDER_MARK), *fields[1:]) == header.texts


def _separate_odd_lines(data: bytes) -> tuple[bytes, list[str]]:
    """Separate the lines that Arrow reads as we do from those with a quote, a CR inside, or a byte-order mark."""
    is_plain = b'"' not in data and BYTE_ORDER_MARK.encode() not in data
    if is_plain and (b"\r" not in data or data.count(b"\r") == data.count(b"\r\n")):
        return data, []
    plain: list[bytes] = []
    odd: list[bytes] = []
    for line in data.split(b"\n"):
        bare = line.removesuffix(b"\r")
        is_odd = b'"' in bare or b"\r" in bare or BYTE_ORDER_MARK.encode() in bare
        (odd if is_odd else plain).append(bare)
    return b"\n".join(plain), [line.decode("utf-8", "replace") for line in odd]


def _read_plain(data: bytes, header: Header, misfits: list[str]) -> pa.Table:
    """Return lines without quotes as text columns. Lines of another width, or equal to the header, go to `misfits`."""

    def keep_misfit(row: csv.InvalidRow) -> str:
        if row.text.strip(BLANKS):
            misfits.append(row.text)
        return "skip"

    names = [str(position) for position in range(len(header.texts))]
    if not (data[:100].strip(b" \t\r\n") or data.strip(b" \t\r\n")):  # strip() copies: test 100 bytes first
        return pa.table({name: pa.array([], pa.string()) for name in names})
    table = csv.read_csv(
        io.BytesIO(data),
        csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        csv.ParseOptions(quote_char=False, double_quote=False, escape_char=False, invalid_row_handler=keep_misfit),
        csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    suspect = pc.equal(pc.fill_null(table.column(0), ""), header.texts[0])
    for name, text in zip(names, header.texts, strict=True):
        if not pc.any(suspect).as_py():
            return table
        suspect = pc.and_(suspect, pc.equal(pc.fill_null(table.column(name), ""), text))
    misfits.extend([",".join(header.texts)] * pc.sum(suspect).as_py())
    return table.filter(pc.invert(suspect))
