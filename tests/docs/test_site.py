"""The docs as a site: built strictly, it shows what GitHub does and asks no other host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conftest import ROOT
from tests.docs.pages import PAGES

COUNTED = {"h1", "h2", "h3", "h4", "li", "pre", "td", "th", "img", "strong", "em"}
ASSETS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Reading(HTMLParser):
    """What a page of HTML has: elements by name, cells' texts, what it loads, what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.cells: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in COUNTED:
            self.elements[tag] += 1
        if given.get("id"):
            self.ids.add(given["id"] or "")
        if given.get("rel") != "canonical" and given.get(ASSETS.get(tag, "")):
            self.loaded.append(given[ASSETS[tag]] or "")
        if tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.cells.append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def place(page: Path) -> str:
    """Where a page is in the site."""
    name = str(page.relative_to(ROOT))
    name = name.removeprefix("docs/") if name.startswith("docs/") else f"repository/{name}"
    return re.sub(r"README\.md$", "index.md", name).removesuffix(".md") + ".html"


def test_each_page_shows_what_github_shows(site: Path) -> None:
    """Python-Markdown wants a blank line before lists and tables, and reads bars otherwise."""
    missing = [page for page in PAGES if not (site / place(page)).exists()]
    assert [page.relative_to(ROOT) for page in missing] == [Path("README.md")]
    for page in PAGES:
        if page in missing:
            continue
        html = (site / place(page)).read_text(encoding="utf-8")
        article = html.partition("<article")[2].partition("</article>")[0]
        shown = Reading(article)
        github = MarkdownIt("gfm-like", {"linkify": False}).render(page.read_text(encoding="utf-8"))
        expected = Reading(github)
        assert shown.elements == expected.elements, page.name
        assert shown.cells == expected.cells, page.name


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in Reading(page.read_text(encoding="utf-8")).loaded:
            assert not re.match(r"(https?:)?//", address), f"{page}: {address}"
    for style in site.rglob("*.css"):
        loaded = re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^)'\"]+)", style.read_text()
        )
        assert not loaded, f"{style}: {loaded}"
