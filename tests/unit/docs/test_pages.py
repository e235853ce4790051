"""The pages: their links lead somewhere, the README is short, and its translation says the same."""

import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.pages import PAGES, Page, strip_comments
from tests.project import ROOT

LONGEST_README = 150
LANGUAGES = {"sh", "text", "python", "ini"}
ENGLISH, KOREAN = Page("README.md"), Page("README.ko.md")


def name_of(page: Page) -> str:
    return page.name


def is_external(link: str) -> bool:
    return "://" in link or link.startswith("mailto:")


def test_the_pages_are_found():
    names = {page.name for page in PAGES}
    assert {"README.md", "CHANGELOG.md", "conf/README.md", "docs/index.md", "docs/reference/commands.md"} <= names
    for part in ("how-to", "reference", "explanation"):
        assert sum(name.startswith(f"docs/{part}/") for name in names) > 5


@pytest.mark.parametrize("page", (ENGLISH, KOREAN), ids=name_of)
def test_a_readme_is_short(page):
    assert len(page.path.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_inside_the_project_leads_to_a_file_and_a_heading(page):
    for link in page.links:
        if is_external(link):
            continue
        target, _, anchor = unquote(link).partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.is_file() and path.is_relative_to(ROOT.resolve()), link
        if anchor:
            assert anchor in Page(path.relative_to(ROOT.resolve()).as_posix()).anchors, link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_external_link_is_a_complete_address(page):
    """Nothing is fetched."""
    for link in filter(is_external, page.links):
        address = urlsplit(link)
        assert address.scheme == "https" and "." in address.netloc and not set(link) & set(' <>"'), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_block_of_code_names_its_language(page):
    assert {language for language, _ in page.blocks} <= LANGUAGES


def test_every_page_of_docs_is_linked_from_the_index_of_its_folder():
    for page in PAGES:
        index = page.path.parent / "index.md"
        if page.name.startswith("docs/") and page.path != index:
            assert page.path.name in Page(index.relative_to(ROOT).as_posix()).links, page.name


def test_the_menu_of_the_site_has_every_page():
    text = (ROOT / "docs" / "_toc.yml").read_text(encoding="utf-8")
    entries = [entry for part in yaml.safe_load(text)["subtrees"] for entry in list_entries(part)]
    listed = {path for entry in entries for path in ROOT.glob(f"{entry}.md")} | {ROOT / "docs" / "index.md"}
    assert {page.path for page in PAGES} == listed


def list_entries(part: dict) -> list[str]:
    """Return the files and patterns of a part of the menu, and of the parts below it."""
    inner = [name for entry in part.get("entries", ()) for name in list_entries(entry)]
    return [part[key] for key in ("file", "glob") if key in part] + inner


def test_both_readmes_have_the_same_commands_and_names():
    assert Counter(ENGLISH.spans) == Counter(KOREAN.spans)


def test_both_readmes_have_the_same_blocks_apart_from_comments():
    english, korean = (
        [(language, strip_comments(text)) for language, text in page.blocks] for page in (ENGLISH, KOREAN)
    )
    assert english == korean


def test_both_readmes_have_tables_of_the_same_shapes_and_the_same_links():
    assert ENGLISH.tables == KOREAN.tables and len(ENGLISH.tables) == 2
    assert Counter(ENGLISH.links) - Counter([KOREAN.name]) == Counter(KOREAN.links) - Counter([ENGLISH.name])
    headings = [[token.tag for token in page.tokens if token.type == "heading_open"] for page in (ENGLISH, KOREAN)]
    assert headings[0] == headings[1]


def test_contributing_describes_every_folder_of_the_code():
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    folders = [path.parent.name for path in (ROOT / "spark_jobs").glob("*/__init__.py")]
    assert folders and not [name for name in folders if f"`spark_jobs/{name}/`" not in text]


def test_each_file_in_the_table_of_rules_exists():
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = text.partition("## Which file has the rule")[2].partition("\n## ")[0]
    named = [name for name in re.findall(r"`([\w/.]+(?:/|\.\w+))`", table) if name != "spark_jobs/"]
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / "spark_jobs" / name).exists()]
    assert len(named) > 35 and not missing
