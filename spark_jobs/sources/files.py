"""Examination of whole files: whether a file is readable, its digest, and where to split it for several readers.

Content means the unpacked bytes. Offsets and digests refer to the content, so that a packed file can grow too.
"""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spark_jobs.addresses import is_remote
from spark_jobs.errors import SourceError
from spark_jobs.sources.csv_records import RecordCounter, split_fields
from spark_jobs.sources.file_systems import file_system

BLOCK = 4 << 20
CUT = 8 << 20
LONGEST_HEADER = 1 << 20
LONGEST_LINE = 16 << 20
# gzip makes CSV five to twenty times smaller. A file that unpacks to more than both limits is meant to fill disks.
MOST_UNPACKED, MOST_TIMES = 1 << 30, 200
USUAL_TIMES = 8  # the content of a gzip file is about so many times as large as the file
LFS = b"version https://git-lfs"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


@dataclass(frozen=True)
class ExaminedFile:
    """The result of one pass over a file. Where `refusal` is a sentence, the rest is empty.

    `prefixes`: the digest of each requested prefix, by its length in bytes. `records`: the number of lines, without the
    header and blank lines. `cuts`: line starts where readers may begin. `unfinished_from`: the start of a last line
    without a newline; None where there is none.
    """

    path: str
    refusal: str | None = None
    digest: str | None = None
    prefixes: Mapping[int, str] = field(default_factory=dict)
    content_bytes: int = 0
    header: tuple[str, ...] = ()
    body_from: int = 0
    records: int = 0
    unfinished_from: int | None = None
    cuts: tuple[int, ...] = ()


def is_packed(name: str) -> bool:
    """Return whether a file of this name is gzip."""
    return name.lower().endswith(".gz")


def estimate_content(name: str, size: int) -> int:
    """Return about how many bytes the content of a file has; `size`: its bytes on disk."""
    return size * USUAL_TIMES if is_packed(name) else size


def open_content(path: str, start: int = 0, packed: bool | None = None) -> io.BufferedIOBase:
    """Open the unpacked content at byte `start`. `packed`: whether it is gzip; None: decide by the path's suffix."""
    system, inner = file_system(path)
    if not (is_packed(path) if packed is None else packed):
        raw: io.BufferedIOBase = system.open_input_file(inner)
        raw.seek(start)
        return raw
    unpacked = gzip.GzipFile(fileobj=system.open_input_stream(inner, compression=None))
    unpacked.seek(start)
    return unpacked


def examine(path: str, prefixes: Collection[int] = (), packed: bool | None = None) -> ExaminedFile:
    """Read the file once and return the result. Never raises because of the content: a refusal is part of the result.

    `prefixes`: the lengths in bytes of the prefixes to digest. `packed`: as for `open_content`.
    """
    if _leads_outside(path):
        return ExaminedFile(
            path, refusal="a link to a file outside this folder; copy the file here, or use INPUT=<path>."
        )
    packed = is_packed(path) if packed is None else packed
    try:
        with open_content(path, packed=packed) as stream:
            return _Examination(path, prefixes, packed).run(stream)
    except SourceError as error:
        return ExaminedFile(path, refusal=str(error))
    except EOFError:
        return ExaminedFile(path, refusal="the gzip data ends too early; the file is truncated: copy it again.")
    except (gzip.BadGzipFile, zlib.error) as error:
        return ExaminedFile(path, refusal=f"not readable as gzip ({error}): copy it again.")
    except OSError as error:
        return ExaminedFile(path, refusal=f"cannot be read ({error.strerror or error}).")


class _Examination:
    """Reads a stream once and collects digest, encoding, header, records, line ends and cuts."""

    def __init__(self, path: str, prefixes: Collection[int], packed: bool):
        self.path, self.packed = path, packed
        self.most = max(MOST_UNPACKED, MOST_TIMES * _get_size(path)) if self.packed else None
        self.hash, self.wanted = hashlib.sha256(), sorted({n for n in prefixes if n})
        self.prefixes: dict[int, str] = {}
        self.lines = RecordCounter()
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.position = self.last_line_from = self.body_from = 0
        self.cuts: list[int] = []

    def run(self, stream: io.BufferedIOBase) -> ExaminedFile:
        """Read the stream to its end. Raises SourceError, or what the stream raises."""
        head = _read_up_to(stream, LONGEST_HEADER)
        header, self.body_from = _parse_header(head)
        block = head
        while block:
            self._process_block(block)
            block = stream.read(BLOCK)
        try:
            self.decoder.decode(b"", final=self.last_line_from == self.position)
        except UnicodeDecodeError as error:
            raise SourceError("not valid UTF-8: the last character is cut; convert the file to UTF-8.") from error
        unfinished = self.last_line_from < self.position and self.last_line_from >= self.body_from
        return ExaminedFile(
            path=self.path,
            digest=self.hash.hexdigest(),
            prefixes=self.prefixes,
            content_bytes=self.position,
            header=header,
            body_from=self.body_from,
            records=self.lines.count(),
            unfinished_from=self.last_line_from if unfinished else None,
            cuts=() if self.packed else tuple(cut for cut in self.cuts if cut > self.body_from),
        )

    def _process_block(self, block: bytes) -> None:
        self._update_hash(block)
        self.lines.add(block[max(0, self.body_from - self.position) :])
        try:
            self.decoder.decode(block)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"not valid UTF-8: byte 0x{error.object[error.start]:02x} near offset {self.position + error.start:,}; "
                "convert the file to UTF-8."
            ) from error
        first, last = block.find(b"\n"), block.rfind(b"\n") + 1
        if self.position + (first if last else len(block)) - self.last_line_from > LONGEST_LINE:
            raise SourceError(
                f"the line that begins at byte {self.last_line_from:,} has more than {LONGEST_LINE >> 20} MiB; "
                "this is not a CSV record: fix the file."
            )
        if self.most and self.position + len(block) > self.most:
            raise SourceError(
                f"it unpacks to more than {self.most:,} bytes, more than {MOST_TIMES} times its size, unlike any CSV; "
                "if the file is correct, unpack it yourself."
            )
        if last:
            self.last_line_from = self.position + last
        if last and self.position + last - (self.cuts[-1] if self.cuts else 0) >= CUT:
            self.cuts.append(self.position + last)
        self.position += len(block)

    def _update_hash(self, block: bytes) -> None:
        begin = 0
        while self.wanted and self.wanted[0] - self.position <= len(block):
            end = self.wanted.pop(0) - self.position
            self.hash.update(block[begin:end])
            self.prefixes[self.position + end] = self.hash.hexdigest()
            begin = end
        self.hash.update(block[begin:] if begin else block)


def _parse_header(head: bytes) -> tuple[tuple[str, ...], int]:
    """Return the fields of the first line that is not blank, as written, and the body's offset. Raises SourceError."""
    if not head:
        raise SourceError("the file is empty; it must begin with a header.")
    if head.startswith(LFS):
        raise SourceError("a Git LFS pointer, not the data; fetch the data with `git lfs pull`.")
    for mark, encoding in OTHER_ENCODINGS.items():
        if head.startswith(mark):
            raise SourceError(f"{encoding} text; convert it to UTF-8.")
    begin = len(BYTE_ORDER_MARK) if head.startswith(BYTE_ORDER_MARK) else 0
    while True:
        end = head.find(b"\n", begin)
        line = head[begin : end if end >= 0 else len(head)].removesuffix(b"\r")
        if line.strip(b" \t\r"):
            break
        if end < 0:
            raise SourceError("the file is blank; it must begin with a header.")
        begin = end + 1
    if end < 0 and len(head) >= LONGEST_HEADER:
        raise SourceError(f"no line ends in its first {LONGEST_HEADER:,} bytes; this is not a CSV file.")
    if b"\0" in line:
        raise SourceError("binary data or UTF-16 text in the first line; the file must be CSV in UTF-8.")
    if b"\r" in line:
        raise SourceError("its lines end in CR alone; convert them to LF or CRLF.")
    try:
        fields = split_fields(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError("the first line is not UTF-8 text; the file must be CSV in UTF-8.") from error
    if fields is None:
        raise SourceError("the quotes of the header do not match.")
    return tuple(fields), end + 1 if end >= 0 else len(head)


def _read_up_to(stream: io.BufferedIOBase, size: int) -> bytes:
    blocks, left = [], size
    while left and (block := stream.read(left)):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _leads_outside(path: str) -> bool:
    """Return whether a local path is a symbolic link to a file outside its folder."""
    return not is_remote(path) and not Path(path).resolve().is_relative_to(Path(path).parent.resolve())


def _get_size(path: str) -> int:
    system, inner = file_system(path)
    return system.get_file_info(inner).size or 0
