"""MkDocs' hooks: what the pages link to outside docs/ is in the site too, below repository/.

So a link is written once, as GitHub follows it. A linked page brings what it links to itself;
a folder is its README.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)")
OUTSIDE = "repository/"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what is linked to, page by page."""
    root = Path(config.config_file_path).parent
    pages = [file for file in files if file.is_documentation_page()]
    for page in pages:
        source = _source(page.src_uri)
        for link in LINK.findall(page.content_string):
            uri = _uri(root, source, link)
            if not uri.startswith(OUTSIDE) or files.get_file_from_path(uri):
                continue
            path = root / _source(uri)
            if not path.is_file():
                raise PluginError(f"{source}: {link}: there is no file {_source(uri)}")
            added = File.generated(config, uri, abs_src_path=str(path))
            files.append(added)
            if added.is_documentation_page():
                pages.append(added)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are from the page's place in the site."""
    root = Path(config.config_file_path).parent
    here = page.file.src_uri
    folder = posixpath.dirname(here) or "."
    return LINK.sub(
        lambda found: posixpath.relpath(_uri(root, _source(here), found[1]), folder), markdown
    )


def _source(uri: str) -> str:
    """Where in the repository a file of the site is."""
    return uri.removeprefix(OUTSIDE) if uri.startswith(OUTSIDE) else f"docs/{uri}"


def _uri(root: Path, source: str, link: str) -> str:
    """Where in the site is what a file of the repository links to."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if (root / target).is_dir():
        target += "/README.md"
    return target.removeprefix("docs/") if target.startswith("docs/") else OUTSIDE + target
