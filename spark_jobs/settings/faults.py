"""One sentence for an invalid setting: its name, what it must be, and what it is."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

UNKNOWN, MISSING = "extra_forbidden", "missing"
CONTRADICTION = "value_error"  # values that contradict each other; the text begins with the name of a setting
TYPE_NAMES = {"float": "float", "int": "int", "string": "str", "bool": "bool", "tuple": "a list of str"}


def explain(error: ValidationError, model: type[BaseModel], origins: Mapping[str, str], file: str) -> str:
    """Return a sentence about the first fault. It begins with where the value was set: an override, or the file.

    Unknown names come first, because a misspelt name is missing under its right name.
    """
    rank = {UNKNOWN: 0, MISSING: 1}
    fault = min(error.errors(), key=lambda one: (rank.get(one["type"], 2), len(one["loc"]) * (one["type"] in rank)))
    path = [str(name) for name in fault["loc"] if not isinstance(name, int) and name != "[key]"]
    if fault["type"] == CONTRADICTION:
        path = str(fault["ctx"]["error"]).split()[0].rstrip(":").split(".")
    origin = next((text for name, text in origins.items() if _is_within(name, path)), file)
    return f"{origin}: {_describe(fault, path, model)}."


def _is_within(name: str, path: Sequence[str]) -> bool:
    """Return whether an overridden setting is the faulty one, a section of it, or a key in it."""
    parts, shortest = name.split("."), min(name.count(".") + 1, len(path))
    return bool(path) and parts[:shortest] == list(path)[:shortest]


def _describe(fault: ErrorDetails, path: Sequence[str], model: type[BaseModel]) -> str:
    name, kind, value = ".".join(path), fault["type"], fault["input"]
    if kind == UNKNOWN:
        known = _list_known(model, path[:-1])
        nearest = get_close_matches(path[-1], known, 1)
        hint = f"did you mean {'.'.join([*path[:-1], *nearest])}? " if nearest else ""
        return f"unknown setting {name}; {hint}known here: {', '.join(known)}"
    if kind == MISSING:
        return f"setting {name} is missing"
    if kind == CONTRADICTION:
        return f"setting {fault['ctx']['error']}"
    if kind == "rule":
        return f"setting {name} must {fault['ctx']['must']}, not {_format(value)}"
    if kind in ("model_type", "dict_type"):
        return f"{name} must be a section, not {_format(value)}"
    if isinstance(fault["loc"][-1], int):
        return f"setting {name} must be a list of str; it contains {_format(value)}"
    return f"setting {name} must be {TYPE_NAMES.get(kind.partition('_')[0], 'another type')}, not {_format(value)}"


def _list_known(model: Any, path: Sequence[str]) -> list[str]:
    """Return the known names in the section at `path`."""
    for name in path:
        if not hasattr(model, "model_fields"):  # sections by any name
            model = get_args(model)[1]
            continue
        model = next(field.annotation for key, field in model.model_fields.items() if name in (key, field.alias))
    return sorted(field.alias or key for key, field in model.model_fields.items())


def _format(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)
