"""The page about settings, from their types and from the values and comments in conf/settings.toml."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from reference.markdown import as_code, format_table
from spark_jobs.settings import list_values
from spark_jobs.settings.rules import Address, Keys, OneOf, Range, Rule, format_plain
from spark_jobs.settings.types import Settings

FILE = Path(__file__).resolve().parents[2] / "conf" / "settings.toml"
HEADER, KEY = re.compile(r"\[(?P<name>[\w.]+)\]"), re.compile(r"(?P<name>\w+) = ")
NOTE = re.compile(r"`(\w+)`: (.+?)(?=\s+`\w+`:|\Z)", re.DOTALL)  # as the docstrings describe fields
COMMENT = re.compile(r"^(?:[^#\"]|\"[^\"]*\")*# *(?P<text>.*)$")
TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", tuple: "list of names"}
HEAD = """# The settings

Generated from `spark_jobs/settings` and `conf/settings.toml` by `make docs`. The default is the value in the file.
`NAME` is any name. [Change settings](../how-to/change-settings.md) shows how to set a value for one run.
"""


@dataclass(frozen=True)
class Setting:
    """A setting. `name`: its full name, NAME where users choose a name. `note`: from the docstring of its section."""

    name: str
    kind: Any
    rules: tuple[Rule, ...]
    default: Any = None
    note: str = ""


def describe_settings() -> str:
    """Describe each section of the file: its comment, and a row for each setting."""
    file = FILE.read_text(encoding="utf-8")
    text, comments, values = HEAD, _read_comments(file), dict(list_values(tomllib.loads(file)))
    for key, field in Settings.model_fields.items():
        section = field.alias or key
        settings = _list_settings(Setting(section, field.annotation, ()))
        rows = (_describe(setting, values, comments) for setting in settings)
        text += f"\n## {section}\n\n{_describe_section(section, comments)}"
        text += format_table(("setting", "type", "range", "default", "meaning"), rows)
    return text


def _describe_section(section: str, comments: Mapping[str, str]) -> str:
    """Return the comments of the section and of the sections in it, a paragraph each."""
    headers = (name for name in comments if name.startswith((f"[{section}]", f"[{section}.")))
    return "".join(f"{as_code(name)}: {comments[name]}.\n\n" for name in headers)


def _list_settings(outer: Setting) -> Iterator[Setting]:
    """Return the settings in a section, also those in the sections below it; or the setting itself."""
    kind, rules = outer.kind, outer.rules
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        rules = (*rules, *(rule for rule in more if isinstance(rule, Rule)))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        notes = {name: " ".join(note.split()).rstrip(".") for name, note in NOTE.findall(kind.__doc__ or "")}
        for key, field in kind.model_fields.items():
            default = None if field.is_required() else field.default
            own = tuple(rule for rule in field.metadata if isinstance(rule, Rule))
            yield from _list_settings(
                Setting(f"{outer.name}.{key}", field.annotation, own, default, notes.get(key, ""))
            )
    elif get_origin(kind) is dict:
        keys = next((rule.known for rule in rules if isinstance(rule, Keys)), ["NAME"])
        for key in keys:
            yield from _list_settings(Setting(f"{outer.name}.{key}", get_args(kind)[1], ()))
    else:
        yield replace(outer, kind=get_origin(kind) or kind, rules=rules)


def _describe(setting: Setting, values: Mapping[str, Any], comments: Mapping[str, str]) -> tuple[str, ...]:
    return (
        as_code(setting.name),
        TYPES[setting.kind],
        " ".join(filter(None, map(_describe_rule, setting.rules))),
        _describe_default(setting, values),
        comments.get(setting.name) or setting.note,
    )


def _describe_default(setting: Setting, values: Mapping[str, Any]) -> str:
    """Return the value in the file, for each name if users choose it; else the value of a setting that is not there."""
    pattern = re.compile(re.escape(setting.name).replace("NAME", r"(\w+)"))
    found = [(match.groups(), value) for name, value in values.items() if (match := pattern.fullmatch(name))]
    texts = [" ".join((*names, as_code(json.dumps(value)))) for names, value in found]
    if setting.default is not None:
        texts.append(f"{'others ' if found else ''}{as_code(json.dumps(setting.default))}")
    return ", ".join(texts)


def _describe_rule(rule: Rule) -> str:
    """Return what the rule allows, in a few words; an empty text where the type says it."""
    match rule:
        case Range(least, most, decimals):
            fine = "" if decimals is None else f", at most {decimals} decimals"
            return f"{format_plain(least)} to {format_plain(most)}{fine}"
        case OneOf(words):
            return " or ".join(map(as_code, words))
        case Address(local=True):
            return "a folder of this machine"
        case Address():
            return "a folder or an address"
    return ""


def _read_comments(text: str) -> dict[str, str]:
    """Return the comment of each [section] and setting, by its full name. It may continue in the next lines."""
    comments: dict[str, str] = {}
    section = name = ""
    for line in text.splitlines():
        if header := HEADER.match(line):
            section, name = header["name"], header[0]
        elif key := KEY.match(line):
            name = f"{section}.{key['name']}"
        elif not line.strip():
            name = ""
        if name and (found := COMMENT.match(line)):
            comments[name] = f"{comments.get(name, '')} {found['text']}".strip()
    return comments
