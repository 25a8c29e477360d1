"""The pages of the documentation, and what they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.conftest import ROOT

PAGES = sorted(
    {
        file
        for pattern in ("*.md", "*/*.md", "*/*/README.md")
        for file in ROOT.glob(pattern)
        if not {".", "node_modules"} & {file.relative_to(ROOT).parts[0][0], file.parent.name}
    }
)
SHELL = ("sh", "console")
NAMED = re.compile(r"# ([\w./-]+\.\w+)(?=\s|:\s)")


@dataclass(frozen=True)
class Example:
    """A fenced or indented block of a page."""

    page: str
    """The page's path in the repository."""
    line: int
    language: str
    text: str
    section: tuple[str, ...]
    """The headings that it stands under, the page's own first."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is the text of: its first line is a comment that says so."""
        named = NAMED.match(self.text)
        return named and named[1]


@dataclass(frozen=True)
class Command:
    """A command of a shell example; `shown` is what it says there of its output."""

    text: str
    shown: str = ""

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    @property
    def exit_code(self) -> int:
        """0, or what a comment behind it says: `# exit code 1: …`."""
        said = re.search(r"#.*\bexit code (\d+)", self.text)
        return int(said[1]) if said else 0


def examples_of(page: Path) -> Iterator[Example]:
    """The blocks of a page, in its order."""
    section: list[str] = []
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open":
            assert after is not None
            section[int(token.tag[1]) - 1 :] = [after.content]
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            yield Example(
                str(page.relative_to(ROOT)),
                token.map[0] + 1,
                token.info.strip(),
                token.content,
                tuple(section),
            )


def commands_of(example: Example) -> Iterator[Command]:
    """`sh` is commands alone, of a line or several.

    In `console` each begins with `$ `, and what comes below is its output.
    """
    if example.language == "console":
        for block in re.split(r"^\$ ", example.text, flags=re.M)[1:]:
            command, _, shown = block.partition("\n")
            yield Command(command, shown)
        return
    command = ""
    for line in example.text.splitlines():
        command += line
        if line.endswith("\\") or not _is_whole(command):
            command += "\n"
        else:
            if shlex.split(command, comments=True):
                yield Command(command)
            command = ""
    assert not command, f"{example}: a command has no end: {command}"


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


EXAMPLES = [example for page in PAGES for example in examples_of(page)]
