"""Rules for the values of settings. A rule describes what the value must be, or accepts it.

A rule is declared with the type of its setting: `Annotated[float, Range(0, 1)]` in types.py. Pydantic checks it after
the type.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Rule:
    """A condition for a value, in addition to its type."""

    def explain_fault(self, value: Any) -> str | None:
        """Return what the value must be, as text that continues "must"; None where the value is valid."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return how pydantic checks the value: first its type, then this rule."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if must := self.explain_fault(value):
            raise PydanticCustomError("rule", "{must}", {"must": must})
        return value


@dataclass(frozen=True)
class Range(Rule):
    """A number from `least` to `most`, both included, with at most `decimals` decimals (None: no limit).

    Decimals are counted in the shortest text of the number: 0.3 has one. nan and inf are outside of every range.
    """

    least: float
    most: float
    decimals: int | None = None

    def explain_fault(self, value: float) -> str | None:
        """Return the allowed range where the number is outside of it or has too many decimals."""
        if self.least <= value <= self.most and (self.decimals is None or _count_decimals(value) <= self.decimals):
            return None
        fine = "" if self.decimals is None else f", with at most {self.decimals} decimals"
        return f"lie between {format_plain(self.least)} and {format_plain(self.most)}{fine}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return how pydantic checks a number: first this rule, because an integer may be too large for a float."""

        def check(value: Any, check_type: core_schema.ValidatorFunctionWrapHandler) -> Any:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return check_type(self._check(value) if is_number else value)

        return core_schema.no_info_wrap_validator_function(check, handler(source))


@dataclass(frozen=True)
class OneOf(Rule):
    """One of these words."""

    words: Sequence[str]

    def explain_fault(self, value: str) -> str | None:
        """Return the allowed words where the value is not one of them."""
        return None if value in self.words else f"be {' or '.join(self.words)}"


@dataclass(frozen=True)
class Names(Rule):
    """A list of different names without surrounding blanks."""

    def explain_fault(self, value: Sequence[str]) -> str | None:
        """Return the first rule that the list breaks."""
        if any(not name or name != name.strip() for name in value):
            return "contain only names that are not empty and have no surrounding blanks"
        if doubled := [name for name, count in Counter(value).items() if count > 1]:
            return f"contain {', '.join(doubled)} only once"
        return None


@dataclass(frozen=True)
class Name(Rule):
    """A name that can be part of a column's name, with at most `longest` characters."""

    longest: int

    def explain_fault(self, value: str) -> str | None:
        """Return the form of a name where the value has another one."""
        if len(value) <= self.longest and re.fullmatch("[a-z][a-z0-9_]*", value):
            return None
        return (
            f"have a name of at most {self.longest} lower-case letters, digits and _, beginning with a letter, "
            "because columns are named after it"
        )


@dataclass(frozen=True)
class Keys(Rule):
    """The keys of a section whose values are all of one type: those that it may have, and those that it must have."""

    known: Sequence[str]
    required: Sequence[str]

    def explain_fault(self, value: Mapping[str, Any]) -> str | None:
        """Return the first rule that the keys break."""
        if unknown := [name for name in value if name not in self.known]:
            return f"have no {unknown[0]} (known here: {', '.join(sorted(self.known))})"
        missing = [name for name in self.required if name not in value]
        return f"have a value for {missing[0]}" if missing else None


@dataclass(frozen=True)
class Address(Rule):
    """The address of a folder or file.

    `local`: only on this machine's disk. `forbidden`: a character that Delta cannot read. `optional`: may be empty.
    """

    local: bool = True
    forbidden: str = "\0"
    optional: bool = False

    def explain_fault(self, value: str) -> str | None:
        """Return the rule that the address breaks."""
        if self.optional and not value:
            return None
        if not value.strip() or "\0" in value:
            return "name a folder"
        if self.local and "://" in value:
            return "be a folder of this machine"
        if self.forbidden in value:
            return f"be an address without a {self.forbidden} (Delta cannot read it)"
        return None


def _count_decimals(value: float) -> int:
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def format_plain(number: float) -> str:
    """Return a bound as text without an exponent: 0.000001, 1,000,000."""
    return f"{Decimal(str(number)):,f}"
