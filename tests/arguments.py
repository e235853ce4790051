"""Check the arguments of the programs below tests/: a wrong one gives one sentence and exit code 2, no traceback."""

from spark_jobs.errors import SettingsError


def require_in_range(name: str, value: int, least: int, most: int) -> int:
    """Return the value. Raises SettingsError, which names the variable of `make`, if it is out of range."""
    if not least <= value <= most:
        raise SettingsError(f"{name}={value}: must lie between {least:,} and {most:,}.")
    return value
