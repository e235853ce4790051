"""Passwords stay hidden: text that may quote an address of a database is redacted before anybody reads it."""

import os
import re
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORT = 4  # a shorter password is also a part of ordinary words: it is hidden where it is a word of its own
# What looks like an address, whether it is known or not. A password may hold any character, so the last @ counts.
URL = re.compile(r"\b(postgres\w*(?:\+\w+)?://)[^\n]*@|\b([a-z][\w+.-]*://)[^\s/]*@", re.IGNORECASE)
VALUE = r"""'(?:\\.|[^'\\])*'|"[^"\n]*"|(?:\\.|[^\s\\])+"""
PAIR = re.compile(rf"""\b((?:PG|ssl)?password)(["']?\s*[=:]\s*)({VALUE})""", re.IGNORECASE)

_addresses: set[str] = set()
_found: set[str] = set()


def hide(address: str) -> None:
    """Remember an address: from here on `redacted` hides its passwords wherever they are quoted."""
    _addresses.add(address)


def hide_password(password: str) -> None:
    """Remember a password by itself: an address may spell it in ways that only its own reader knows."""
    if password:
        _found.add(password)


def redact(text: str) -> str:
    """The text without the passwords of DATABASE_URL, PGPASSWORD, hidden addresses, and what looks like an address."""
    addresses = {*_addresses, os.environ.get("DATABASE_URL", "").strip()}
    passwords = {os.environ.get("PGPASSWORD", "")}.union(_found, *map(_passwords, addresses))
    secrets = addresses.union(*map(_spellings, passwords)) - {""}
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        text = re.sub(pattern if len(secret) >= SHORT else rf"(?<!\w){pattern}(?!\w)", HIDDEN, text)
    text = PAIR.sub(rf"\1\2{HIDDEN}", text)
    return URL.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}@", text)


def _passwords(address: str) -> set[str]:
    """What may be a password in an address, also in one that cannot be read."""
    given = {found[2] for found in PAIR.findall(address)}
    if "://" not in address:
        return given
    rest = address.partition("://")[2]
    before = (rest.rpartition("@")[0], rest.partition("?")[0].rpartition("@")[0], rest.partition("@")[0])
    return {
        *(users.partition(":")[2] for users in before),
        *(value.partition("&")[0] for value in given),
    }


def _spellings(password: str) -> set[str]:
    """A password as an address, a driver and Python may write it."""
    bare = password[1:-1] if password[:1] == password[-1:] == "'" else password
    meant = {password, bare, unquote(bare), re.sub(r"\\(.)", r"\1", bare)}
    spelled = {quote(each, safe="") for each in meant}
    return meant | spelled | {each.lower() for each in spelled} | {repr(each)[1:-1] for each in meant}
