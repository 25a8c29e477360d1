"""What pages.yaml says of pages, and what of a page is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.docs.pages import EXAMPLES, SHELL, Command, Example, commands_of

HERE = Path(__file__).parent
GIVEN = HERE / "given"
RUN = (*SHELL, "python")


@dataclass(frozen=True)
class Page:
    """What pages.yaml says of one."""

    servers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    python: str = "python"
    slow: bool = False


SAID = {
    name: Page(**said)
    for name, said in yaml.safe_load((HERE / "pages.yaml").read_text(encoding="utf-8")).items()
}
NAMES = sorted({example.page for example in EXAMPLES if example.language in RUN})


def commands(example: Example) -> list[Command]:
    return list(commands_of(example)) if example.language in SHELL else []


def pieces(example: Example) -> Sequence[Command | Example]:
    """What of an example is run by itself."""
    return [example] if example.language == "python" else commands(example)


def examples(name: str) -> Iterator[Example]:
    return (example for example in EXAMPLES if example.page == name)
