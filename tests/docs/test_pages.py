"""Each page's commands and Python are run, in its order, beside the files that it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import Command, Example
from tests.docs.said import GIVEN, NAMES, RUN, SAID, Page, commands, examples, pieces
from tests.docs.shell import Shell

SHORTER = "max-examples = 3\nmax-runs = 60\n"
"""A page's contract tests go less far than a reader's, where it has no configuration of its own."""


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
    (tmp_path / "contract-tests.toml").write_text(SHORTER)
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


def runs_all_tests(command: Command) -> bool:
    """Whether it is a pytest of the whole folder."""
    first, *words = command.words
    return first.endswith("pytest") and not any(word.endswith(".py") for word in words)


def run_python(example: Example, folder: Path, shell: Shell, python: str) -> None:
    """By pytest where it has tests, unless a command of the page does; as a program where it is
    no file that something else imports."""
    has_tests = "def test_" in example.text
    if example.file is None:
        name = f"test_line_{example.line}.py"
        (folder / name).write_text(shell.here(example.text), encoding="utf-8")
    elif has_tests and not any(
        example.file in command.text or (e.line > example.line and runs_all_tests(command))
        for e in examples(example.page)
        for command in commands(e)
    ):
        name = example.file
    else:
        return
    runner = "pytest -p no:cacheprovider" if has_tests else python
    shell.run(Command(f"{runner} {name}"), example.section)
