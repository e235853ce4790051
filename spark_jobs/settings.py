"""The settings of `conf/settings.toml`, typed. An unknown or missing key is an error that names it."""

import dataclasses
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from spark_jobs.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]
KEPT_DAYS = (7, 29)  # each table keeps replaced files for a week at least, and its log for 30 days


@dataclass(frozen=True)
class Paths:
    """Addresses, made absolute; `raw` and `warehouse` may lie in any file system that Hadoop and Arrow know."""

    raw: str
    warehouse: str
    database: str
    quality: str
    processed: str
    reports: str
    metrics: str
    logs: str


@dataclass(frozen=True)
class Events:
    """Which event types are good, set aside, and expected in a busy hour."""

    allowed_types: tuple[str, ...]
    ignored_types: tuple[str, ...]
    expected_types: tuple[str, ...]
    expected_from_rows: int


@dataclass(frozen=True)
class MaxNullShare:
    """Shares (0-1) of missing values above which a column draws a warning."""

    default: float
    category_code: float
    brand: float

    def of(self, column: str) -> float:
        """The limit of `column`; the default where it has none of its own."""
        return getattr(self, column, self.default)


@dataclass(frozen=True)
class Quality:
    """Limits of the verdicts; shares are 0-1."""

    max_reject_share: float
    docs_days: int
    max_null_share: MaxNullShare


@dataclass(frozen=True)
class Duplicates:
    """Event types whose repeats within a minute are kept."""

    exempt_types: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """An event's weight in the score, by type."""

    view: float
    cart: float
    rating: float
    purchase: float


@dataclass(frozen=True)
class Matrix:
    """`trailing_days` 0 means all days."""

    trailing_days: int
    weights: Weights


@dataclass(frozen=True)
class PriceRange:
    """Highest mean price of each range; above the last is luxury."""

    budget: float
    mid: float
    premium: float


@dataclass(frozen=True)
class Features:
    """Weights of the popularity score and limits of the price ranges."""

    popularity_views: float
    popularity_purchases: float
    price_range: PriceRange


@dataclass(frozen=True)
class Schedule:
    """How long after midnight a day waits for its hours."""

    wait_hours: int


@dataclass(frozen=True)
class Export:
    """What the driver may hold of the matrix at once, in gigabytes (10^9 bytes)."""

    max_matrix_gb: float


@dataclass(frozen=True)
class Retention:
    """For how many days a build can be repeated, whatever became of its tables since; and logs are kept."""

    rebuild_days: int
    log_days: int


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    paths: Paths
    events: Events
    quality: Quality
    duplicates: Duplicates
    matrix: Matrix
    features: Features
    schedule: Schedule
    export: Export
    retention: Retention


def load(overrides: list[str] = (), file: Path | None = None) -> Settings:
    """Reads `file` (default: PIPELINE_SETTINGS, else conf/settings.toml), then applies `section.key=value` overrides.

    Values of overrides are written as in TOML; plain text may go without quotes. Raises SettingsError.
    """
    file = file or Path(os.environ.get("PIPELINE_SETTINGS") or ROOT / "conf" / "settings.toml")
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
    absolute = {name: _absolute(value) for name, value in dataclasses.asdict(settings.paths).items()}
    return dataclasses.replace(settings, paths=Paths(**absolute))


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


def _no_negatives(settings: Settings) -> None:
    counts = {
        "matrix.trailing_days": settings.matrix.trailing_days,
        "schedule.wait_hours": settings.schedule.wait_hours,
        "quality.docs_days": settings.quality.docs_days,
        "retention.log_days": settings.retention.log_days,
    }
    if min(counts.values()) < 0:
        raise SettingsError(f"settings {', '.join(counts)}: no negative numbers.")


def _absolute(address: str) -> str:
    return address if "://" in address else str(ROOT / address)
