"""Parts of Markdown that the generated pages share."""

from collections.abc import Iterable, Sequence


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. A | in a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"|{'|'.join(_format_cell(cell) for cell in cells)}|\n" for cells in lines).replace("| --- ", "|---")


def _format_cell(text: str) -> str:
    return f" {text.replace('|', chr(92) + '|')} " if text else " "


def as_code(text: object) -> str:
    """Return the text as code; an empty text stays empty."""
    return f"`{text}`" if str(text) else ""
