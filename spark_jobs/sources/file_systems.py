"""Arrow's file systems: access to the bytes of an address."""

import os
from urllib.parse import quote

from pyarrow import fs

from spark_jobs.addresses import S3, is_remote


def file_system(address: str) -> tuple[fs.FileSystem, str]:
    """Return Arrow's file system for an address, and the path within it."""
    if not is_remote(address):
        return fs.LocalFileSystem(), address
    if S3.match(address):  # keys, region and endpoint: the usual AWS variables
        store = fs.S3FileSystem(
            endpoint_override=os.environ.get("AWS_ENDPOINT_URL"), region=os.environ.get("AWS_REGION")
        )
        return store, address.partition("://")[2]
    found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(quote(address, safe=":/"))
    return found
