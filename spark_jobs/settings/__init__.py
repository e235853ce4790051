"""The settings of `conf/settings.toml`, typed and validated. An error names the invalid key or value."""

import dataclasses
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from spark_jobs.addresses import expand, is_remote
from spark_jobs.errors import SettingsError
from spark_jobs.settings.types import Paths, Privacy
from spark_jobs.settings.types import Settings as Settings

ROOT = Path(os.environ.get("PIPELINE_HOME") or Path(__file__).resolve().parents[2])  # this file may be in an archive
DEFAULT_RAW = "data/raw"


def load(overrides: Sequence[str] = (), file: Path | None = None) -> Settings:
    """Read `file` (default: PIPELINE_SETTINGS, else conf/settings.toml), and apply overrides: `section.key=value`.

    The value of an override is in TOML syntax; plain text needs no quotes. Raises SettingsError where a key is unknown
    or missing, or a value is invalid.
    """
    path = os.environ.get("PIPELINE_SETTINGS")
    file = file or (Path(expand(path, "PIPELINE_SETTINGS")) if path else ROOT / "conf" / "settings.toml")
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: the settings cannot be read ({error.strerror}).") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
        raise SettingsError(f"{file}: not valid TOML: {error}.") from error
    for override in overrides:
        _apply_override(tree, override)
    settings: Settings = _build_section(Settings, tree, "", str(file))
    raw_paths = dataclasses.asdict(settings.paths)
    paths = Paths(**{name: make_absolute(value, f"setting paths.{name}") for name, value in raw_paths.items()})
    key_file = settings.privacy.key_file and make_absolute(settings.privacy.key_file, "setting privacy.key_file")
    return dataclasses.replace(settings, paths=paths, privacy=Privacy(key_file))


def _apply_override(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    *sections, key = name.strip().split(".")
    if not equals or not sections:
        raise SettingsError(f"--set {override}: write it as section.key=value, for example paths.raw=data/raw.")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"--set {override}: {section} is not a section of the settings.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text
    wants_text = isinstance(tree.get(key), str)  # a folder may be called 2019
    tree[key] = text if wants_text and not isinstance(value, str) else value


def _build_section(cls: type, tree: Any, where: str, file: str) -> Any:
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: [{where}] must be a section.")
    fields = {field.name: field.type for field in dataclasses.fields(cls)}
    prefix = f"{where}." if where else ""
    for name in tree:
        if name not in fields:
            raise SettingsError(f"{file}: unknown setting {prefix}{name}; known here: {', '.join(sorted(fields))}.")
    for name in fields:
        if name not in tree:
            raise SettingsError(f"{file}: setting {prefix}{name} is missing.")
    values = {name: _parse_value(kind, tree[name], prefix + name, file) for name, kind in fields.items()}
    try:
        return cls(**values)
    except ValueError as error:  # values that contradict each other
        raise SettingsError(f"{file}: setting {error}.") from error


def _parse_value(kind: Any, value: Any, name: str, file: str) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _build_section(kind, value, name, file)
    kind, *rules = get_args(kind)
    value = _convert_type(kind, value, name, file)
    for rule in rules:
        if must := rule.explain_fault(value):
            raise SettingsError(f"{file}: setting {name} must {must}, not {_format_value(value)}.")
    return float(value) if kind is float else value


def _convert_type(kind: Any, value: Any, name: str, file: str) -> Any:
    """Return the value; a list becomes a tuple. An integer is accepted as a float; true and false are not numbers."""
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if isinstance(value, list) and all(type(item) is inner for item in value):
            return tuple(value)
        raise SettingsError(f"{file}: setting {name} must be a list of {inner.__name__}, not {_format_value(value)}.")
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    raise SettingsError(f"{file}: setting {name} must be {kind.__name__}, not {_format_value(value)}.")


def _format_value(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)


def make_absolute(address: str, name: str, folder: Path = ROOT) -> str:
    """Return the absolute address: `~` is expanded, a relative path starts at `folder`. Errors call it `name`."""
    expanded = expand(address, name)
    return expanded if is_remote(expanded) else str(folder / expanded)


def is_default_raw(settings: Settings) -> bool:
    """Return whether the raw folder is the project's own. No sample is ever written to a folder that a user named."""
    return settings.paths.raw == str(ROOT / DEFAULT_RAW)
