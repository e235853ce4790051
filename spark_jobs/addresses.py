"""One spelling for each address, so that a file reached in two ways is one file."""

import os
import re
from urllib.parse import unquote

from spark_jobs.errors import SettingsError

S3 = re.compile(r"s3[an]?://", re.IGNORECASE)
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(?=/(?!/))", re.IGNORECASE)


def expand(address: str, name: str) -> str:
    """Replace a leading `~` by the home folder, and `file:` by the path. Other schemes stay as they are.

    `name` is what a person set. Raises SettingsError, naming it, where no home folder is known.
    """
    address = _to_path(address)
    expanded = os.path.expanduser(address)  # noqa: PTH111 - pathlib's raises where no home folder is known
    if expanded.startswith("~"):
        raise SettingsError(f"{name} {address}: no home folder is known for its ~; write the whole path.")
    return expanded


def canonical(address: str) -> str:
    """The identity of a file or folder: its real path, links resolved; of S3's schemes always s3a."""
    address = _to_path(address)
    return S3.sub("s3a://", address) if "://" in address else os.path.realpath(address)


def is_remote(address: str) -> bool:
    """Whether the address lies in another file system than this machine's."""
    return "://" in address


def base_name(address: str) -> str:
    """The last part of an address."""
    return address.rstrip("/").rpartition("/")[2]


def _to_path(address: str) -> str:
    """A `file:` address as a path; others as they are."""
    found = _LOCAL.match(address)
    return unquote(address[found.end() :]) if found else address
