"""`pipeline settings`: print each setting, its value, and where the value comes from."""

import json
from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from spark_jobs.observability.console import Console
from spark_jobs.settings import find_file, list_values, load_with_origins


def main(overrides: Sequence[str] = ()) -> int:
    """Print one line for each setting. Reads the settings only."""
    settings, origins = load_with_origins(overrides)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("setting", "value", "set by"):
        table.add_column(heading)
    file = str(find_file())
    for name, value in list_values(settings.model_dump(by_alias=True)):
        table.add_row(name, json.dumps(value, ensure_ascii=False), find_origin(name, origins) or file)
    Console().out.print(table)
    return 0


def find_origin(name: str, origins: Mapping[str, str]) -> str | None:
    """Return the override that set this value, itself or as part of a section; None: the file."""
    return next((origin for key, origin in origins.items() if name == key or name.startswith(f"{key}.")), None)
