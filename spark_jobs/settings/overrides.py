"""Overrides of settings: `--set section.key=value`, and variables of the environment: PIPELINE_SECTION__KEY=value.

The value is in TOML syntax; plain text needs no quotes. Keys of earlier versions of the project are renamed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from spark_jobs.errors import SettingsError
from spark_jobs.settings.event_types import BASE_TYPES

PREFIX, SEPARATOR = "PIPELINE_", "__"
EARLIER_WEIGHTS = "matrix.weights"  # events.types now has the weight of each type
EARLIER_TYPES: dict[str, dict[str, Any]] = dict(
    zip(BASE_TYPES, ({"funnel": 1}, {"funnel": 2}, {"rated": True}, {"funnel": 3}), strict=True)
)


def find_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Return the variables that override a setting: their name, the full name of the setting, the value as text."""
    for variable, text in sorted(environment.items()):
        if variable.startswith(PREFIX) and SEPARATOR in variable:
            yield variable, variable.removeprefix(PREFIX).lower().replace(SEPARATOR, "."), text


def split_argument(override: str) -> tuple[str, str]:
    """Return the full name of the setting and the value as text. Raises SettingsError for another form."""
    name, equals, text = override.partition("=")
    if not equals or "." not in name:
        raise SettingsError(f"--set {override}: write it as section.key=value, for example paths.raw=data/raw.")
    return name.strip(), text


def apply(tree: dict[str, Any], name: str, text: str, origin: str) -> str:
    """Put a value into the tree of the settings and return the setting's present name.

    Raises SettingsError, which names the `origin`, where a part of the name is no section.
    """
    *sections, key = _rename(tree, name, origin).split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{origin}: {section} is not a section of the settings.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text
    wants_text = isinstance(tree.get(key), str)  # a folder may be called 2019
    tree[key] = text if wants_text and not isinstance(value, str) else value
    return ".".join((*sections, key))


def rename_earlier_keys(tree: dict[str, Any]) -> None:
    """Move the weights of a settings file of an earlier version to where they are now."""
    matrix, events = tree.get("matrix"), tree.get("events")
    if isinstance(matrix, dict) and isinstance(events, dict) and isinstance(matrix.get("weights"), dict):
        types = events.setdefault("types", {name: dict(kind) for name, kind in EARLIER_TYPES.items()})
        for name, weight in matrix.pop("weights").items():
            types.setdefault(name, {})["weight"] = weight


def _rename(tree: Mapping[str, Any], name: str, origin: str) -> str:
    """Return the present name of a setting: matrix.weights.view is events.types.view.weight."""
    kind = name.removeprefix(f"{EARLIER_WEIGHTS}.")
    if kind == name:
        return name
    if kind not in tree.get("events", {}).get("types", {}):
        raise SettingsError(f"{origin}: unknown event type {kind}; add it with events.types.{kind}={{weight=…}}.")
    return f"events.types.{kind}.weight"
