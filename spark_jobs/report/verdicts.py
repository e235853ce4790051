"""The latest verdict of each suite, as Great Expectations left it on disk."""

import json
from pathlib import Path
from typing import Any


def read_verdicts(folder: Path) -> list[dict[str, Any]]:
    """Return each suite's latest verdict: windows by outcome, failures and warnings, and its page of Data Docs."""
    found = []
    for suite in sorted(folder.glob("verdicts/*")):
        latest = max(suite.glob("*.json"), default=None)
        if latest is None:
            continue
        windows = json.loads(latest.read_text(encoding="utf-8"))["units"]
        sentences = [f"{key}: {text}" for key, of in windows.items() for text in (*of["failed"], *of["warnings"])]
        page = next(folder.glob(f"docs/validations/{suite.name}/*{latest.stem}*/**/*.html"), None)
        found.append(
            {
                "suite": suite.name,
                "units": len(windows),
                "failed": sum(1 for of in windows.values() if of["failed"]),
                "warned": sum(1 for of in windows.values() if of["warnings"] and not of["failed"]),
                "said": sentences,
                "page": str(page) if page else None,
            }
        )
    return found
