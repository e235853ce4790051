"""Records to skip because their user was erased. Only an HMAC of each such user is known. No Spark."""

import hmac
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.sources.csv_records import BLANKS

_INTEGER = re.compile(r"-?0*[0-9]{1,19}")
_NUMBER = re.compile(r"(?<![0-9])0*([0-9]{1,19})(?![0-9])")


@dataclass(frozen=True)
class Suppression:
    """The key, and the HMACs of the erased users."""

    key: bytes
    users: frozenset[str]

    def is_erased(self, user: str | int | None) -> bool:
        """Return whether a user field names an erased user. A value that is not a number names nobody."""
        text = str(user).strip(BLANKS) if user is not None else ""
        return bool(_INTEGER.fullmatch(text)) and digest_user(self.key, int(text)) in self.users

    def find(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which records of a batch of `arrow_fast_path.parse_plain` belong to an erased user.

        The user is the typed value, else the field's text. A malformed record has no fields: it belongs to the user of
        any separate number in its line (as in `transforms.user_rows`).
        """
        found = pc.or_(self._match_erased(batch.column("typed_user_id")), self._match_erased(batch.column("user_id")))
        malformed = batch.column("malformed")
        if not pc.any(malformed).as_py():
            return found
        lines = pc.if_else(malformed, batch.column("line"), pa.scalar(None, pa.string()))
        names_erased = [
            line is not None and any(map(self.is_erased, _NUMBER.findall(line))) for line in lines.to_pylist()
        ]
        return pc.or_(found, pa.array(names_erased, pa.bool_()))

    def _match_erased(self, values: pa.Array) -> pa.BooleanArray:
        erased = [value for value in pc.unique(values.drop_null()).to_pylist() if self.is_erased(value)]
        return pc.fill_null(pc.is_in(values, pa.array(erased, values.type)), False)


def digest_user(key: bytes, user: int) -> str:
    """Return the HMAC-SHA-256 of a user_id, in hexadecimal."""
    return hmac.digest(key, str(user).encode(), "sha256").hex()


def key_id(key: bytes) -> str:
    """Return an identifier that distinguishes keys without revealing them."""
    return hmac.digest(key, b"key", "sha256").hex()[:16]
