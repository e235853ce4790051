"""Arguments of the programs below tests/: a wrong one is a sentence and exit code 2, never a trace."""

from spark_jobs.errors import SettingsError


def within(name: str, value: int, least: int, most: int) -> int:
    """Return the value. Raises SettingsError, which names the variable of `make`, where it is out of range."""
    if not least <= value <= most:
        raise SettingsError(f"{name}={value}: must lie between {least:,} and {most:,}.")
    return value
