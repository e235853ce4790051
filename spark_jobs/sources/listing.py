"""Which files a raw folder shows, and what is skipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyarrow import fs

from spark_jobs.addresses import base_name, canonical, is_remote
from spark_jobs.errors import SourceError
from spark_jobs.observability.wording import name_first
from spark_jobs.sources.file_systems import file_system

CATALOG = "items.csv"  # in the raw folder: not events, but what the shop says of its items


@dataclass(frozen=True)
class Found:
    """A file to land: its identity, the name it was found by, bytes on disk, modification time in microseconds since
    1970. The identity is its real path; whether it is gzip follows from its name. `refusal`: why it is not taken."""

    path: str
    name: str
    size: int
    modified: int
    refusal: str | None = None


@dataclass(frozen=True)
class Listing:
    """What a raw folder shows: the files to land, and the names of what is skipped, by reason."""

    files: list[Found]
    skipped: Mapping[str, list[str]] = field(default_factory=dict)

    def describe_skipped(self) -> list[str]:
        """One sentence for each reason."""
        return [f"skipped, {reason}: {name_first(names)}." for reason, names in self.skipped.items()]


def list_files(address: str) -> Listing:
    """List a folder, or one file. Raises SourceError where there is no such address.

    A file that several names lead to is listed once, by its own name if it has one there.
    """
    folder = canonical(address)
    system, path = file_system(folder)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise SourceError(f"{address}: no such file or folder; set paths.raw or give INPUT=.")
    if info.type == fs.FileType.File:
        return Listing([_found(folder, base_name(address), info)])
    scheme = folder.partition("://")[0] + "://" if is_remote(folder) else ""
    files: dict[str, Found] = {}
    skipped: dict[str, list[str]] = {}
    for each in sorted(system.get_file_info(fs.FileSelector(path)), key=lambda each: (_is_link(each), each.base_name)):
        reason = _reason_to_skip(each)
        identity = canonical(scheme + each.path)
        if reason is None and identity in files:
            reason = f"another name of {files[identity].name}"
        if reason is None:
            files[identity] = replace(_found(identity, each.base_name, each), refusal=_refusal(identity, folder))
        elif reason:
            skipped.setdefault(reason, []).append(each.base_name)
    return Listing(sorted(files.values(), key=lambda file: file.path), skipped)


def find_catalog(address: str) -> str | None:
    """The address of the raw folder's items.csv; None where there is none."""
    system, path = file_system(address)
    if system.get_file_info(path).type != fs.FileType.Directory:
        return None
    inside = f"{path.rstrip('/')}/{CATALOG}"
    exists = system.get_file_info(inside).type == fs.FileType.File
    return f"{address.rstrip('/')}/{CATALOG}" if exists else None


def _found(path: str, name: str, info: fs.FileInfo) -> Found:
    return Found(path, name, info.size, (info.mtime_ns or 0) // 1000)


def _refusal(identity: str, folder: str) -> str | None:
    """Why an entry is not taken: it is a link that leads out of the folder."""
    inside = is_remote(identity) or Path(identity).is_relative_to(folder)
    return None if inside else "a link to a file outside this folder; copy the file here, or give INPUT=."


def _reason_to_skip(info: fs.FileInfo) -> str | None:
    """Why an entry of the raw folder is no file to land; empty where that needs no mention, None where it is one."""
    if info.type == fs.FileType.Directory:
        return "a folder in the folder"
    is_csv = info.base_name.lower().endswith((".csv", ".csv.gz"))
    if info.base_name == CATALOG or (info.base_name.startswith(".") and not is_csv):
        return ""
    if not is_csv:
        return "the name does not end in .csv or .csv.gz"
    if info.type != fs.FileType.File:
        return "no file, or a link that leads nowhere"
    return "the name begins with _ or ." if info.base_name.startswith(("_", ".")) else None


def _is_link(info: fs.FileInfo) -> bool:
    return Path(info.path).is_symlink()
