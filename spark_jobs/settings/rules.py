"""Rules for a value of the settings. Each names what the value must be, or finds nothing wrong with it.

A rule is declared beside the type of its setting: `Annotated[float, Range(0, 1)]` in settings_types.py.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol


class Rule(Protocol):
    """What a value must be, beyond its type."""

    def broken_by(self, value: Any) -> str | None:
        """Return what the value must be, in words that follow "must"; None where the value is right."""


@dataclass(frozen=True)
class Range:
    """A number from `least` to `most`, both included, with at most `decimals` decimals (None: any number of them).

    Decimals are those of the shortest text of the number: 0.3 has one. Neither nan nor inf lies in any range.
    """

    least: float
    most: float
    decimals: int | None = None

    def broken_by(self, value: float) -> str | None:
        """Return the allowed range where the number lies outside of it or has too many decimals."""
        if self.least <= value <= self.most and (self.decimals is None or _decimals(value) <= self.decimals):
            return None
        fine = "" if self.decimals is None else f", with at most {self.decimals} decimals"
        return f"lie between {_plain(self.least)} and {_plain(self.most)}{fine}"


@dataclass(frozen=True)
class OneOf:
    """One of these words."""

    words: Sequence[str]

    def broken_by(self, value: str) -> str | None:
        """Return the words where the value is none of them."""
        return None if value in self.words else f"be {' or '.join(self.words)}"


@dataclass(frozen=True)
class Names:
    """A list of names, each once, without blanks around it; `known`: the only ones (None: any), `least`: how many."""

    known: Sequence[str] | None = None
    least: int = 0

    def broken_by(self, value: Sequence[str]) -> str | None:
        """Return the first thing that is wrong with the list."""
        if len(value) < self.least:
            return f"hold at least {self.least} of {', '.join(self.known or ())}"
        if any(not name or name != name.strip() for name in value):
            return "hold names without blanks around them, and no empty one"
        if doubled := [name for name, count in Counter(value).items() if count > 1]:
            return f"name {', '.join(doubled)} once"
        if self.known is not None and (unknown := sorted(set(value) - set(self.known))):
            return f"hold {', '.join(self.known)} only: unknown event type {', '.join(unknown)}"
        return None


@dataclass(frozen=True)
class Address:
    """A place for files. `local`: on this machine's disk only; `forbidden`: a character that Delta cannot read;
    `optional`: it may be left empty."""

    local: bool = True
    forbidden: str = "\0"
    optional: bool = False

    def broken_by(self, value: str) -> str | None:
        """Return what is wrong with the address."""
        if self.optional and not value:
            return None
        if not value.strip() or "\0" in value:
            return "name a folder"
        if self.local and "://" in value:
            return "be a folder of this machine"
        if self.forbidden in value:
            return f"be another one, for Delta takes no address with a {self.forbidden}"
        return None


def _decimals(value: float) -> int:
    return max(0, -Decimal(str(value)).normalize().as_tuple().exponent)


def _plain(number: float) -> str:
    """A bound without an exponent: 0.000001, 1,000,000."""
    return f"{Decimal(str(number)):,f}"
