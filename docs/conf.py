"""Configure Sphinx, with which `make docs-site` builds a site from the project's Markdown. Its menu is _toc.yml."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project, release = _project["name"], _project["version"]
html_title = f"{project} {release}"
html_theme = "furo"
html_show_copyright = html_copy_source = False
extensions = ["myst_parser", "sphinx_external_toc"]
external_toc_path = "docs/_toc.yml"
myst_heading_anchors = 4  # a link may name a heading, as on the repository's host
# The source is the project's root, because pages link to files outside of docs.
include_patterns = ["*.md", "conf/*.md", "tools/*.md", "docs/**"]
exclude_patterns = [".*", "data", "spark_jobs", "tests", "**/__pycache__"]
