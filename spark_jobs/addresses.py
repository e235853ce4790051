"""One spelling for each address, so that a file reached in two ways is one file."""

import os
import re
from urllib.parse import unquote

from spark_jobs.errors import SettingsError

S3 = re.compile(r"s3[an]?://", re.IGNORECASE)
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(?=/(?!/))", re.IGNORECASE)


def expand(address: str, name: str) -> str:
    """Replace a leading `~` by the home folder, and `file:` by the path. Other schemes are unchanged.

    `name`: the setting or argument that has the address. Raises SettingsError, naming it, where no home folder is
    known.
    """
    address = _to_path(address)
    expanded = os.path.expanduser(address)  # noqa: PTH111 - pathlib's raises where no home folder is known
    if expanded.startswith("~"):
        raise SettingsError(f"{name} {address}: no home folder is known for its ~; write the whole path.")
    return expanded


def resolve_address(address: str) -> str:
    """Return the identity of a file or folder: its real path, links resolved. All S3 schemes become s3a."""
    address = _to_path(address)
    return S3.sub("s3a://", address) if "://" in address else os.path.realpath(address)


def is_remote(address: str) -> bool:
    """Return whether the address is in another file system than this machine's."""
    return "://" in address


def base_name(address: str) -> str:
    """Return the last segment of an address."""
    return address.rstrip("/").rpartition("/")[2]


def _to_path(address: str) -> str:
    """Return a `file:` address as a path, and other addresses unchanged."""
    found = _LOCAL.match(address)
    return unquote(address[found.end() :]) if found else address
