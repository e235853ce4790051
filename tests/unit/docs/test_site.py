"""The site is built from the pages without a warning, and its search finds them."""

from typer.testing import CliRunner

from spark_jobs.cli.__main__ import app
from tests.pages import PAGES


def test_the_site_has_every_page_and_a_search_that_finds_them(tmp_path):
    """A warning, for example about a link that leads nowhere, is an error."""
    result = CliRunner().invoke(app, ["docs-site", "--out", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (0, f"docs-site: open {tmp_path}/index.html\n")
    built = [(tmp_path / page.name).with_suffix(".html") for page in PAGES]
    assert built and not [path for path in built if not path.exists()]
    assert "docs/how-to/late-data" in (tmp_path / "searchindex.js").read_text(encoding="utf-8")
