"""The list of erased users, and its key. Ids are not stored: without the key nobody can find out who is listed.

The key is a file of mode 0600 next to the warehouse, or at `privacy.key_file`. Anyone who has the list and the key can
only test whether a given user is on the list.
"""

import os
import secrets
import tempfile
from pathlib import Path

from pyarrow import fs

from spark_jobs import tables
from spark_jobs.addresses import is_remote, resolve_address
from spark_jobs.context import Context, LedgerContext
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.ledger_rows import SuppressedUserRow
from spark_jobs.session import now
from spark_jobs.settings import Settings
from spark_jobs.sources.file_systems import file_system
from spark_jobs.sources.suppression import Suppression, digest_user, key_id

KEY_BYTES = 32


def load_suppression(ctx: Context) -> Suppression | None:
    """Return the erased users; None where there are none. Raises PipelineError where their key is missing or wrong."""
    rows = ctx.storage.rows(tables.SUPPRESSED_USERS)
    if not rows:
        return None
    address = key_address(ctx.settings)
    key = _read_key(address)
    if key is None or {row["key_id"] for row in rows} != {key_id(key)}:
        state = "is missing" if key is None else "is not the one that the list was created with"
        raise PipelineError(
            f"{address}: the key of the {len(rows):,} erased users {state}; restore it from your backup. Without it "
            "their records would land again. If it is lost, remove the table suppressed_users and forget them again."
        )
    return Suppression(key, frozenset(row["user_hmac"] for row in rows))


def suppress(ctx: Context, user: int) -> bool:
    """Add a user to the list; return False where the user is already on it. Creates the key where it is missing."""
    known = load_suppression(ctx)
    key = known.key if known else _make_key(key_address(ctx.settings))
    digest = digest_user(key, user)
    if known and digest in known.users:
        return False
    row: SuppressedUserRow = {"user_hmac": digest, "key_id": key_id(key), "suppressed_at": now(), "erased_at": None}
    ctx.writer.add_rows(tables.SUPPRESSED_USERS, [row])
    return True


def record_erasure(ctx: Context, user: int) -> None:
    """Record that no table contains the user any more."""
    digest = _compute_digest(ctx, user)
    rows = ctx.storage.rows(tables.SUPPRESSED_USERS)
    ctx.writer.put_rows(
        tables.SUPPRESSED_USERS, [row | ({"erased_at": now()} if row["user_hmac"] == digest else {}) for row in rows]
    )


def count_unfinished(ctx: LedgerContext) -> int:
    """Return how many listed users may still have rows in tables, because their `make forget` did not finish."""
    return sum(row["erased_at"] is None for row in ctx.storage.rows(tables.SUPPRESSED_USERS))


def is_suppressed(ctx: Context, user: int) -> bool:
    """Return whether a user is on the list."""
    known = load_suppression(ctx)
    return known is not None and digest_user(known.key, user) in known.users


def lift(ctx: Context, user: int) -> None:
    """Remove a user from the list. The user must be on it."""
    digest = _compute_digest(ctx, user)
    others = [row for row in ctx.storage.rows(tables.SUPPRESSED_USERS) if row["user_hmac"] != digest]
    ctx.writer.put_rows(tables.SUPPRESSED_USERS, others)


def _compute_digest(ctx: Context, user: int) -> str:
    known = load_suppression(ctx)
    if known is None:
        raise PipelineError(f"{tables.SUPPRESSED_USERS.name}: nobody is on the list.")
    return digest_user(known.key, user)


def key_address(settings: Settings) -> str:
    """Return the address of the key. Raises SettingsError for a remote warehouse without `privacy.key_file`."""
    if settings.privacy.key_file:
        return settings.privacy.key_file
    if is_remote(settings.paths.warehouse):
        raise SettingsError(
            f"setting privacy.key_file: name a file for the key of erased users; {settings.paths.warehouse} is remote "
            "and has no local folder next to it."
        )
    return f"{resolve_address(settings.paths.warehouse).rstrip('/')}.key"


def _read_key(address: str) -> bytes | None:
    """Return the key; None where it does not exist. Raises PipelineError where it cannot be read."""
    system, path = file_system(address)
    try:
        if system.get_file_info(path).type != fs.FileType.File:
            return None
        with system.open_input_stream(path) as stream:
            return bytes.fromhex(stream.read().decode().strip())
    except (OSError, ValueError) as error:
        raise PipelineError(f"{address}: the key of erased users cannot be read ({error}).") from error


def _make_key(address: str) -> bytes:
    """Return the key at the address; create it where it is missing. Only its owner may read it."""
    if existing := _read_key(address):
        return existing
    text = secrets.token_hex(KEY_BYTES)
    try:
        if is_remote(address):
            system, path = file_system(address)
            with system.open_output_stream(path) as stream:
                stream.write(text.encode())
        else:
            Path(address).parent.mkdir(parents=True, exist_ok=True)
            descriptor, scratch = tempfile.mkstemp(prefix=".key-", dir=Path(address).parent)  # creates mode 0600
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            Path(scratch).rename(address)
    except OSError as error:
        raise PipelineError(f"{address}: the key of erased users cannot be written ({error.strerror}).") from error
    return bytes.fromhex(text)
