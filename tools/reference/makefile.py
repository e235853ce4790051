"""The targets of the Makefile, and which variable of make sets which option of a command."""

import re
from functools import cache
from pathlib import Path

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
RULE = re.compile(r"^(?P<target>[a-z-]+):[^#\n]*## (?P<help>.*)\n(?P<recipe>(?:\t.*\n?)*)", re.MULTILINE)
# The ways in which a recipe gives an option to `pipeline`; NAME is the option, the group is the variable.
USES = (
    r"given,(\w+),NAME\)",
    r"\$\(if \$\((\w+)\),--NAME\b",
    r"\$\(origin (\w+)\)\),--NAME\b",
    r"\$\{(\w+):\+--NAME\b",
    r"--NAME \$\(call quoted,\$\(or \$\((\w+)\)",
)


@cache
def read_targets() -> dict[str, tuple[str, str]]:
    """Return the help and the recipe of each target, in the order of the Makefile."""
    return {match["target"]: (match["help"], match["recipe"]) for match in RULE.finditer(MAKEFILE.read_text("utf-8"))}


def find_variable(target: str, option: str) -> str | None:
    """Return the variable of make that sets an option of the target's command; None where there is none."""
    recipe = read_targets()[target][1]
    if option == "set":
        return "SET" if "$(sets)" in recipe else None
    found = (re.search(use.replace("NAME", re.escape(option)), recipe) for use in USES)
    return next((match[1] for match in found if match), None)
