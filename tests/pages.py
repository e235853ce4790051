"""The project's pages in Markdown: their headings, links, code, tables, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.project import ROOT

PARSER = MarkdownIt("commonmark").enable("table")
NAMES = ("*.md", "conf/*.md", "tools/*.md", "docs/**/*.md")
PROGRAMS = ("make", "pipeline", "spark-submit", "airflow", "docker", "docker-compose", "bash", "promtool", ".venv/bin/")


@dataclass(frozen=True)
class Page:
    """A page. `name`: its path from the project's root."""

    name: str

    @property
    def path(self) -> Path:
        """Return where the page is."""
        return ROOT / self.name

    @cached_property
    def tokens(self) -> list[Token]:
        """Return all parts of the page, also those inside of lines, in their order."""
        outer = PARSER.parse(self.path.read_text(encoding="utf-8"))
        return [token for part in outer for token in (part, *(part.children or ()))]

    @cached_property
    def links(self) -> list[str]:
        """Return the targets of links and images."""
        names = {"link_open": "href", "image": "src"}
        return [str(token.attrs[names[token.type]]) for token in self.tokens if token.type in names]

    @cached_property
    def anchors(self) -> set[str]:
        """Return the name of each heading in links, as the repository's host and the site derive it."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        texts = [line.content for opening, line in pairs if opening.type == "heading_open"]
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}

    @cached_property
    def blocks(self) -> list[tuple[str, str]]:
        """Return language and text of each block of code."""
        return [(token.info, token.content) for token in self.tokens if token.type in ("fence", "code_block")]

    @cached_property
    def spans(self) -> list[str]:
        """Return the code inside of lines."""
        return [token.content for token in self.tokens if token.type == "code_inline"]

    @cached_property
    def tables(self) -> list[tuple[int, int]]:
        """Return the number of columns and of rows, with the head, of each table."""
        shapes = []
        for token in self.tokens:
            if token.type == "table_open":
                shapes.append((0, 0))
            columns, rows = shapes[-1] if shapes else (0, 0)
            if token.type in ("th_open", "tr_open"):
                shapes[-1] = (columns + (token.type == "th_open"), rows + (token.type == "tr_open"))
        return shapes

    @cached_property
    def commands(self) -> list[list[str]]:
        """Return the words of each command in blocks of the shell, and of each command inside of lines."""
        inside = (span for span in self.spans if span.startswith(PROGRAMS) and " " in span)
        in_blocks = (text for language, text in self.blocks if language == "sh")
        return [words for text in (*in_blocks, *inside) for words in split_commands(text)]


def split_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command, without comments, and without variables that are set only for it."""
    for line in strip_comments(text).replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=";|&")
        words.whitespace_split, words.commenters = True, ""
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";|&"):
                while command and re.match(r"[A-Z_]+=", command[0]):
                    command.pop(0)
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def strip_comments(text: str) -> str:
    """Return the text of a shell without its comments."""
    return re.sub(r"(?:^|[ \t]+)# .*$", "", text, flags=re.MULTILINE)


PAGES = [Page(path.relative_to(ROOT).as_posix()) for name in NAMES for path in sorted(ROOT.glob(name))]
