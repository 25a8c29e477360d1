"""What the documentation shows is run: scripts load, commands exist, answers are as shown."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from markdown_it import MarkdownIt
from markdown_it.token import Token

import contract_tests.cli
import mockserver.cli
from agentos_contract.requirements import load_catalogue
from contract_tests.judging.known import load_known
from contract_tests.target.configuration import load_configuration
from mockserver.script.loader import load_scripts
from tests.conftest import ROOT
from tests.docs.pages import EXAMPLES, PAGES, Example

COMMANDS = {
    "mockserver": mockserver.cli.main,
    "agentos-mock": mockserver.cli.main,
    "contract-tests": contract_tests.cli.main,
}


def in_language(*languages: str) -> list[Any]:
    return [pytest.param(e, id=str(e)) for e in EXAMPLES if e.language in languages]


def script_of(content: dict[str, Any]) -> dict[str, Any]:
    """A whole script of what an example shows: one, its steps, a step's keys, a workflow's mock."""
    if "id" in content:
        return content
    if "steps" in content:
        return {"id": "shown", **content}
    if "scenarios" in content.get("mock", {}):
        return {"id": "shown", "steps": [], **content}
    step = {"type": "Step", "name": "shown", **content}
    if "team" not in content:
        step["agent"] = {"id": "shown", "name": "Shown"}
    return {"id": "shown", "input_schema": {"type": "object"}, "steps": [step]}


@pytest.mark.parametrize("example", in_language("yaml"))
def test_yaml_is_what_it_is_shown_for(example: Example, tmp_path: Path) -> None:
    content = yaml.safe_load(example.text)
    file = tmp_path / "shown.yaml"
    if "known" in content or "deviations" in content:
        file.write_text(example.text, encoding="utf-8")
        assert load_known(str(file), load_catalogue().requirements)
    elif {"mock", "steps", "team"} & content.keys():
        file.write_text(json.dumps(script_of(content)), encoding="utf-8")
        assert load_scripts(tmp_path).warnings == []
    else:
        pytest.skip("a file of another program's")


@pytest.mark.parametrize("example", in_language("toml"))
def test_toml_is_a_configuration(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "contract-tests.toml"
    file.write_text(example.text, encoding="utf-8")
    assert load_configuration(file).url


@pytest.mark.parametrize("example", in_language("json"))
def test_json_is_json(example: Example) -> None:
    json.loads(example.text)


@pytest.mark.parametrize("example", in_language("python"))
def test_python_imports_what_there_is(example: Example) -> None:
    imported = [node for node in ast.walk(ast.parse(example.text)) if type(node) is ast.ImportFrom]
    for node in imported:
        assert node.module is not None
        package = node.module.partition(".")[0]
        if not (ROOT / package).is_dir():
            continue
        file = ROOT / node.module.replace(".", "/")
        source = (file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).read_text()
        names = {
            name
            for each in ast.walk(ast.parse(source))
            for name in (
                [getattr(each, "name", None)]
                + [
                    alias.asname or alias.name
                    for alias in getattr(each, "names", ())
                    if type(each) is ast.ImportFrom
                ]
                + [t.id for t in getattr(each, "targets", ()) if isinstance(t, ast.Name)]
            )
        }
        for alias in node.names:
            assert alias.name in names, f"{node.module} has no {alias.name}"


def commands_in(example: Example) -> Iterator[list[str]]:
    """The commands of a shell example, as words; a line's end may be escaped or go on indented."""
    text = example.text.replace("\\\n", " ")
    for line in text.splitlines():
        words = line.strip().removeprefix("$ ")
        try:
            parts = shlex.split(words, comments=True)
        except ValueError:
            continue
        while parts and re.fullmatch(r"\w+=\S*", parts[0]):
            parts = parts[1:]
        if parts:
            yield [parts[0].rpartition("/")[2], *parts[1:]]


SHELL = [
    pytest.param(example, id=str(example))
    for example in EXAMPLES
    if example.language in ("", "sh", "shell", "bash", "console")
    and any(words[0] in (*COMMANDS, "make") for words in commands_in(example))
]


@pytest.mark.parametrize("example", SHELL)
def test_commands_and_their_options_exist(example: Example) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, *arguments in commands_in(example):
        if name == "make":
            for target in (word for word in arguments if "=" not in word):
                assert re.search(rf"^{re.escape(target)}:", makefile, re.M), f"make {target}"
        elif name in COMMANDS:
            help_text = _help(name, *arguments[:1])
            for option in re.findall(r"(?<!\S)\[?(--[a-z][a-z-]*)", " ".join(arguments)):
                assert re.search(rf"{option}\b", help_text), f"{name} {arguments}: {option}"


def _help(name: str, *subcommand: str) -> str:
    for arguments in ([*subcommand, "--help"], ["--help"]):
        result = CliRunner().invoke(COMMANDS[name], arguments)
        if result.exit_code == 0:
            return result.output
    raise AssertionError(f"{name} --help failed")


def test_the_problems_are_told_as_shown(tmp_path: Path) -> None:
    """The one in docs/scripts.md; of this script."""
    (shown,) = (e for e in EXAMPLES if e.page == "docs/scripts.md" and "mockserver check" in e.text)
    folder = tmp_path / "scripts"
    folder.mkdir()
    lines = [
        "id: greeter",
        "steps:",
        "  - type: Step",
        "    name: greet",
        "    agent: {id: host, name: Host}",
        "    mock:",
        "      contnt: hello",
        "  - type: Condition",
        "    evaluator: \"inptu == 'x'\"",
        "    steps: [{type: Step, name: b}]",
    ]
    (folder / "greeter.yaml").write_text("\n".join(lines), encoding="utf-8")
    result = CliRunner().invoke(mockserver.cli.main, ["check", str(folder)])
    assert result.exit_code != 0
    expected = shown.text.partition("\n")[2]
    assert result.output.replace(f"{tmp_path}/", "").strip() == expected.strip()


def _tokens(page: Path) -> Iterator[Token]:
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def _anchors(page: Path) -> set[str]:
    """The names that GitHub gives a page's headings."""
    tokens = list(_tokens(page))
    return {
        re.sub(r"[^\w\- ]", "", after.content.lower()).replace(" ", "-")
        for token, after in pairwise(tokens)
        if token.type == "heading_open"
    }


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for token in _tokens(page):
        link = str(token.attrGet("href") or token.attrGet("src") or "")
        if not link or re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in _anchors(target), f"{page}: {link}"
