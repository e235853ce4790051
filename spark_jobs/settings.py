"""The settings of `conf/settings.toml`, typed. An unknown or missing key is an error that names it."""

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

from spark_jobs.addresses import expand, is_remote
from spark_jobs.errors import SettingsError
from spark_jobs.settings_types import Paths
from spark_jobs.settings_types import Settings as Settings

ROOT = Path(os.environ.get("PIPELINE_HOME") or Path(__file__).resolve().parents[1])  # this file may lie in an archive
CHOICES = {"new_column": ("leave_out", "refuse"), "lost_column": ("accept", "refuse")}
DEFAULT_RAW = "data/raw"
KEPT_DAYS = (7, 29)  # each table keeps replaced files for a week at least, and its log for 30 days


def load(overrides: list[str] = (), file: Path | None = None) -> Settings:
    """Reads `file` (default: PIPELINE_SETTINGS, else conf/settings.toml), then applies `section.key=value` overrides.

    Values of overrides are written as in TOML; plain text may go without quotes. Raises SettingsError.
    """
    named = os.environ.get("PIPELINE_SETTINGS")
    file = file or (Path(expand(named, "PIPELINE_SETTINGS")) if named else ROOT / "conf" / "settings.toml")
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: the settings cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}.") from error
    for override in overrides:
        _override(tree, override)
    settings = _build(Settings, tree, "", str(file))
    _check(settings)
    given = dataclasses.asdict(settings.paths)
    paths = Paths(**{name: absolute(value, f"setting paths.{name}") for name, value in given.items()})
    return dataclasses.replace(settings, paths=paths)


def _override(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    *sections, key = name.strip().split(".")
    if not equals or not sections:
        raise SettingsError(f"--set {override}: write it as section.key=value, for example paths.raw=data/raw.")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"--set {override}: {section} is no section of the settings.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    wants_text = isinstance(tree.get(key), str)  # a folder may be called 2019
    tree[key] = text if wants_text and not isinstance(value, str) else value


def _build(cls: type, tree: Any, where: str, file: str) -> Any:
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
    return cls(**{name: _value(kind, tree[name], prefix + name, file) for name, kind in fields.items()})


def _value(kind: Any, value: Any, name: str, file: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, name, file)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if isinstance(value, list) and all(type(item) is inner for item in value):
            return tuple(value)
        raise SettingsError(f"{file}: setting {name} must be a list of {inner.__name__}, not {value!r}.")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise SettingsError(f"{file}: setting {name} must be {kind.__name__}, not {value!r}.")
    return value


def _check(settings: Settings) -> None:
    shares = {
        "quality.max_reject_share": settings.quality.max_reject_share,
        **{f"quality.max_null_share.{k}": v for k, v in dataclasses.asdict(settings.quality.max_null_share).items()},
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise SettingsError(f"setting {name} must lie between 0 and 1, not {share}.")
    weights = dataclasses.asdict(settings.matrix.weights)
    if useless := [name for name, weight in weights.items() if not 0 < weight < float("inf")]:
        raise SettingsError(f"settings matrix.weights: {', '.join(useless)} must be above 0, so that no event is lost.")
    known = set(weights)
    for name in ("allowed_types", "expected_types"):
        if unknown := set(getattr(settings.events, name)) - known:
            raise SettingsError(f"setting events.{name}: unknown event type {', '.join(sorted(unknown))}.")
    if unknown := set(settings.duplicates.exempt_types) - known:
        raise SettingsError(f"setting duplicates.exempt_types: unknown event type {', '.join(sorted(unknown))}.")
    if "`" in settings.paths.warehouse:
        raise SettingsError(f"setting paths.warehouse: {settings.paths.warehouse}: Delta takes no address with a `.")
    limits = settings.features.price_range
    if not limits.budget < limits.mid < limits.premium:
        raise SettingsError("setting features.price_range: budget, mid and premium must rise.")
    if not KEPT_DAYS[0] <= settings.retention.rebuild_days <= KEPT_DAYS[1]:
        raise SettingsError("setting retention.rebuild_days must lie between {} and {}.".format(*KEPT_DAYS))
    _no_negatives(settings)
    for name, known in CHOICES.items():
        if (chosen := getattr(settings.schema, name)) not in known:
            raise SettingsError(f"setting schema.{name} must be {' or '.join(known)}, not {chosen}.")


def _no_negatives(settings: Settings) -> None:
    counts = {
        "matrix.trailing_days": settings.matrix.trailing_days,
        "schedule.wait_hours": settings.schedule.wait_hours,
        "quality.docs_days": settings.quality.docs_days,
        "retention.log_days": settings.retention.log_days,
        **{f"usual.{name}": value for name, value in dataclasses.asdict(settings.usual).items()},
    }
    if min(counts.values()) < 0:
        raise SettingsError(f"settings {', '.join(counts)}: no negative numbers.")


def absolute(address: str, name: str, folder: Path = ROOT) -> str:
    """An address in full: `~` expanded, and below `folder` where it is relative. `name` is what a person set."""
    expanded = expand(address, name)
    return expanded if is_remote(expanded) else str(folder / expanded)


def is_default_raw(settings: Settings) -> bool:
    """Whether the raw folder is the project's own. No sample is ever made in one that a user named."""
    return settings.paths.raw == str(ROOT / DEFAULT_RAW)
