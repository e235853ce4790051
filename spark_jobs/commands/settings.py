"""`pipeline settings`: print each setting, its value, and where the value comes from."""

import json
from collections.abc import Mapping, Sequence

from spark_jobs.observability.answers import print_answer
from spark_jobs.settings import find_file, list_values, load_with_origins


def main(overrides: Sequence[str], layout: str) -> int:
    """Print one row for each setting as `layout`, with the value as JSON. Reads the settings only."""
    settings, origins = load_with_origins(overrides)
    file = str(find_file())
    rows = [
        (name, json.dumps(value, ensure_ascii=False), find_origin(name, origins) or file)
        for name, value in list_values(settings.model_dump(by_alias=True))
    ]
    print_answer(("setting", "value", "set by"), rows, layout)
    return 0


def find_origin(name: str, origins: Mapping[str, str]) -> str | None:
    """Return the override that set this value, itself or as part of a section; None: the file."""
    return next((origin for key, origin in origins.items() if name == key or name.startswith(f"{key}.")), None)
