"""The files in a raw folder, and the entries that are skipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyarrow import fs

from spark_jobs.addresses import base_name, is_remote, resolve_address
from spark_jobs.errors import SourceError
from spark_jobs.observability.wording import name_first
from spark_jobs.sources.file_systems import file_system

CATALOG = "items.csv"  # in the raw folder: no events, but the shop's own data about its items


@dataclass(frozen=True)
class ListedFile:
    """A file to land. Its identity is `path`, the real path.

    `name`: the name in the folder, which decides whether the file is gzip. `size`: bytes on disk. `modified`:
    microseconds since 1970. `refusal`: why the file is not accepted.
    """

    path: str
    name: str
    size: int
    modified: int
    refusal: str | None = None


@dataclass(frozen=True)
class Listing:
    """The entries of a raw folder: the files to land, and the names of the skipped ones, by reason."""

    files: list[ListedFile]
    skipped: Mapping[str, list[str]] = field(default_factory=dict)

    def describe_skipped(self) -> list[str]:
        """Return one sentence for each reason."""
        return [f"skipped, {reason}: {name_first(names)}." for reason, names in self.skipped.items()]


def list_files(address: str) -> Listing:
    """List a folder, or one file. Raises SourceError where the address does not exist.

    A file with several names is listed once, under its own name where that is in the folder.
    """
    folder = resolve_address(address)
    system, path = file_system(folder)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise SourceError(f"{address}: no such file or folder; set paths.raw or use INPUT=<path>.")
    if info.type == fs.FileType.File:
        return Listing([_to_listed_file(folder, base_name(address), info)])
    scheme = folder.partition("://")[0] + "://" if is_remote(folder) else ""
    files: dict[str, ListedFile] = {}
    skipped: dict[str, list[str]] = {}
    for each in sorted(system.get_file_info(fs.FileSelector(path)), key=lambda each: (_is_link(each), each.base_name)):
        reason = _find_reason_to_skip(each)
        identity = resolve_address(scheme + each.path)
        if reason is None and identity in files:
            reason = f"another name for {files[identity].name}"
        if reason is None:
            files[identity] = replace(
                _to_listed_file(identity, each.base_name, each), refusal=_find_refusal(identity, folder)
            )
        elif reason:
            skipped.setdefault(reason, []).append(each.base_name)
    return Listing(sorted(files.values(), key=lambda file: file.path), skipped)


def find_catalog(address: str) -> str | None:
    """Return the address of items.csv in the raw folder; None where it does not exist."""
    system, path = file_system(address)
    if system.get_file_info(path).type != fs.FileType.Directory:
        return None
    inside = f"{path.rstrip('/')}/{CATALOG}"
    exists = system.get_file_info(inside).type == fs.FileType.File
    return f"{address.rstrip('/')}/{CATALOG}" if exists else None


def _to_listed_file(path: str, name: str, info: fs.FileInfo) -> ListedFile:
    return ListedFile(path, name, info.size, (info.mtime_ns or 0) // 1000)


def _find_refusal(identity: str, folder: str) -> str | None:
    """Return why an entry is refused: it is a link to a file outside the folder. None: it is accepted."""
    inside = is_remote(identity) or Path(identity).is_relative_to(folder)
    return None if inside else "a link to a file outside this folder; copy the file here, or use INPUT=<path>."


def _find_reason_to_skip(info: fs.FileInfo) -> str | None:
    """Return why an entry is skipped; empty where that needs no message, None for a file to land."""
    if info.type == fs.FileType.Directory:
        return "a subfolder"
    is_csv = info.base_name.lower().endswith((".csv", ".csv.gz"))
    if info.base_name == CATALOG or (info.base_name.startswith(".") and not is_csv):
        return ""
    if not is_csv:
        return "the name does not end in .csv or .csv.gz"
    if info.type != fs.FileType.File:
        return "not a regular file, or a broken link"
    return "the name begins with _ or ." if info.base_name.startswith(("_", ".")) else None


def _is_link(info: fs.FileInfo) -> bool:
    return Path(info.path).is_symlink()
