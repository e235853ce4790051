"""What is generated from the code and committed: pages of docs/reference, and the marks of the locks.

`make docs` writes the pages, `make lock` the marks. With `--check` nothing is written: each file that is out of date is
named, with the command that renews it.
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from reference.commands import describe_commands
from reference.exit_codes import describe_exit_codes
from reference.metrics import describe_metrics
from reference.settings import describe_settings
from reference.tables import describe_jobs, describe_tables

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Write the files that the arguments name, `docs` or `lock`; or check all."""
    if sys.argv[1:] == ["--check"]:
        old = [
            f"{path}: out of date; run make {target}.\n"
            for target, files in GENERATED.items()
            for path, text in files.items()
            if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text()
        ]
        sys.stderr.writelines(old)
        return 1 if old else 0
    for path, text in GENERATED[sys.argv[1]].items():
        (ROOT / path).write_text(text(), encoding="utf-8")
    return 0


def mark_locks() -> str:
    """The SHA-256 of the dependencies in pyproject.toml, from which the locks are made."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    inputs = {name: project[name] for name in ("requires-python", "dependencies", "optional-dependencies")}
    return f"{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()}  pyproject.toml: dependencies\n"


GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "docs": {
        "docs/reference/commands.md": describe_commands,
        "docs/reference/settings.md": describe_settings,
        "docs/reference/tables.md": describe_tables,
        "docs/reference/jobs.md": describe_jobs,
        "docs/reference/exit-codes.md": describe_exit_codes,
        "docs/reference/metrics.md": describe_metrics,
    },
    "lock": {"requirements.sha256": mark_locks},
}

if __name__ == "__main__":
    sys.exit(main())
