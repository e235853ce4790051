"""Redaction of passwords, for all text that may quote the address of a database before it is shown or logged.

The ids of forgotten users are hidden too.
"""

import os
import re
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORT = 4  # a shorter password also occurs inside ordinary words, so it is hidden only where it is a whole word
# Text that looks like an address, known or not. A password may contain an @, so the last @ ends it.
URL = re.compile(r"\b(postgres\w*(?:\+\w+)?://)[^\n]*@|\b([a-z][\w+.-]*://)[^\s/]*@", re.IGNORECASE)
VALUE = r"""'(?:\\.|[^'\\])*'|"[^"\n]*"|(?:\\.|[^\s\\])+"""
PAIR = re.compile(rf"""\b((?:PG|ssl)?password)(["']?\s*[=:]\s*)({VALUE})""", re.IGNORECASE)

_addresses: set[str] = set()
_remembered: set[str] = set()


def hide(address: str) -> None:
    """Remember an address, so that `redact` hides its passwords wherever a text quotes them."""
    _addresses.add(address)


def hide_password(password: str) -> None:
    """Remember a password separately, because an address may encode it in a way that only libpq's parser knows."""
    if password:
        _remembered.add(password)


def hide_user(user: int) -> None:
    """Remember the id of a user who is to be forgotten, so that the log does not name the user."""
    _remembered.add(str(user))


def redact(text: str) -> str:
    """Return the text without secrets.

    It hides the passwords of DATABASE_URL, of PGPASSWORD, of remembered addresses, and of anything that looks like an
    address. It also hides the ids of remembered users.
    """
    addresses = {*_addresses, os.environ.get("DATABASE_URL", "").strip()}
    passwords = {os.environ.get("PGPASSWORD", "")}.union(_remembered, *map(_find_passwords, addresses))
    secrets = addresses.union(*map(_list_spellings, passwords)) - {""}
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        text = re.sub(pattern if len(secret) >= SHORT else rf"(?<!\w){pattern}(?!\w)", HIDDEN, text)
    text = PAIR.sub(rf"\1\2{HIDDEN}", text)
    return URL.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}@", text)


def _find_passwords(address: str) -> set[str]:
    """Return the texts in an address that may be its password, even where the address cannot be parsed."""
    pairs = {found[2] for found in PAIR.findall(address)}
    if "://" not in address:
        return pairs
    rest = address.partition("://")[2]
    before = (rest.rpartition("@")[0], rest.partition("?")[0].rpartition("@")[0], rest.partition("@")[0])
    return {
        *(users.partition(":")[2] for users in before),
        *(value.partition("&")[0] for value in pairs),
    }


def _list_spellings(password: str) -> set[str]:
    """Return the forms in which an address, a driver or Python may write a password."""
    bare = password[1:-1] if password[:1] == password[-1:] == "'" else password
    forms = {password, bare, unquote(bare), re.sub(r"\\(.)", r"\1", bare)}
    quoted = {quote(each, safe="") for each in forms}
    return forms | quoted | {each.lower() for each in quoted} | {repr(each)[1:-1] for each in forms}
