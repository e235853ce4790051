"""The settings of `conf/settings.toml`, typed and validated. An error names the invalid key or value."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spark_jobs.addresses import expand, is_remote
from spark_jobs.errors import SettingsError
from spark_jobs.project import PROJECT
from spark_jobs.settings.faults import explain
from spark_jobs.settings.overrides import apply, find_variables, rename_earlier_keys, split_argument
from spark_jobs.settings.types import Settings as Settings

DEFAULT_RAW = "data/raw"


def load(overrides: Sequence[str] = (), file: Path | None = None) -> Settings:
    """Read `file` (default: PIPELINE_SETTINGS, else conf/settings.toml), and apply overrides.

    A variable PIPELINE_SECTION__KEY overrides the file, and `overrides`, each `section.key=value`, override both.
    Raises SettingsError where a key is unknown or missing, or a value is invalid.
    """
    return load_with_origins(overrides, file)[0]


def load_with_origins(overrides: Sequence[str] = (), file: Path | None = None) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and where each overridden value comes from, by the setting's full name."""
    file = file or find_file()
    tree = _read(file)
    rename_earlier_keys(tree)
    origins = {apply(tree, name, text, variable): variable for variable, name, text in find_variables(os.environ)}
    for override in overrides:
        origins[apply(tree, *split_argument(override), f"--set {override}")] = f"--set {override}"
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(explain(error, Settings, origins, str(file))) from None
    return _expand_addresses(settings), origins


def find_file() -> Path:
    """Return the settings file: PIPELINE_SETTINGS, else conf/settings.toml at home, else the project's own."""
    if path := os.environ.get("PIPELINE_SETTINGS"):
        return Path(expand(path, "PIPELINE_SETTINGS"))
    return PROJECT.settings_file


def list_values(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return the full name and the value of each setting in a tree of sections."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from list_values(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: the settings cannot be read ({error.strerror}).") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
        raise SettingsError(f"{file}: not valid TOML: {error}.") from error


def _expand_addresses(settings: Settings) -> Settings:
    names = type(settings.paths).model_fields
    paths = {name: make_absolute(getattr(settings.paths, name), f"setting paths.{name}") for name in names}
    key_file = settings.privacy.key_file and make_absolute(settings.privacy.key_file, "setting privacy.key_file")
    return settings.model_copy(
        update={
            "paths": settings.paths.model_copy(update=paths),
            "privacy": settings.privacy.model_copy(update={"key_file": key_file}),
        }
    )


def make_absolute(address: str, name: str, folder: Path = PROJECT.home) -> str:
    """Return the absolute address: `~` is expanded, a relative path starts at `folder`. Errors call it `name`."""
    expanded = expand(address, name)
    return expanded if is_remote(expanded) else str(folder / expanded)


def is_default_raw(settings: Settings) -> bool:
    """Return whether the raw folder is the project's own. No sample is ever written to a folder that a user named."""
    return settings.paths.raw == str(PROJECT.home / DEFAULT_RAW)
