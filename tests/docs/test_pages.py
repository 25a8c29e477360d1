"""Each page's commands and Python are run, in its order, beside the files that it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import EXAMPLES, SHELL, Command, Example, commands_of
from tests.docs.shell import Shell, without_scheme

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


def marks(name: str) -> list[pytest.MarkDecorator]:
    texts = [e.text for e in examples(name) if e.language in RUN]
    wants = ["slow"] if SAID.get(name, Page()).slow else []
    if any(".venv-agentos" in text or "scripted" in text for text in texts):
        wants.append("agentos")
    return [getattr(pytest.mark, mark) for mark in wants]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in NAMES])
def test_a_page_runs(name: str, tmp_path: Path) -> None:
    said = SAID.get(name, Page())
    if (GIVEN / name).is_dir():
        shutil.copytree(GIVEN / name, tmp_path, dirs_exist_ok=True)
    with Shell(
        tmp_path, servers=said.servers, environment=said.environment, instead=said.instead
    ) as shell:
        for example in examples(name):
            if example.file is not None:
                file = tmp_path / example.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(shell.here(example.text), encoding="utf-8")
            for piece in pieces(example):
                if piece.text.startswith(tuple(said.not_run)):
                    continue
                if isinstance(piece, Command):
                    if missing := shell.missing(piece):
                        pytest.skip(f"{example} and what follows: {missing}")
                    shell.run(piece, example.section)
                else:
                    run_python(example, tmp_path, shell, said.python)


def run_python(example: Example, folder: Path, shell: Shell, python: str) -> None:
    """By pytest where it has tests, unless a command of the page does; as a program where it is
    no file that something else imports."""
    has_tests = "def test_" in example.text
    if example.file is None:
        name = f"test_line_{example.line}.py"
        (folder / name).write_text(shell.here(example.text), encoding="utf-8")
    elif has_tests and not any(
        example.file in command.text for e in examples(example.page) for command in commands(e)
    ):
        name = example.file
    else:
        return
    runner = "pytest -p no:cacheprovider" if has_tests else python
    shell.run(Command(f"{runner} {name}"), example.section)


def test_what_is_said_of_pages_is_so() -> None:
    """No page and no piece of one is named that is not there."""
    assert set(SAID) <= set(NAMES)
    for name, said in SAID.items():
        texts = [piece.text for example in examples(name) for piece in pieces(example)]
        for begin, reason in said.not_run.items():
            assert reason, f"{name}: {begin}"
            assert any(text.startswith(begin) for text in texts), f"{name}: {begin}"
        for words in (*said.servers, *said.instead):
            texts.extend(said.environment.values())
            assert any(without_scheme(words) in text for text in texts), f"{name}: {words}"
    for file in GIVEN.rglob("*.*"):
        if file.is_file():
            assert any(file.is_relative_to(GIVEN / name) for name in NAMES), file
