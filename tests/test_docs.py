"""What the documentation shows is right: scripts load, options exist, links lead somewhere.

tests/docs runs its commands and code, js/scripts/snippets.mjs its TypeScript.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
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
from tests.docs.pages import SHELL as SHELL_LANGUAGES
from tests.docs.said import GIVEN, NAMES, SAID, Page, examples, pieces
from tests.docs.shell import MOCK, replaced, without_scheme

INVENTED = ROOT / "agentos_contract" / "deviations" / "invented"
COMMANDS = {
    "mockserver": mockserver.cli.main,
    "agentos-mock": mockserver.cli.main,
    "contract-tests": contract_tests.cli.main,
}


JUDGE, BESIDE = contract_tests.cli.main, contract_tests.cli.COMMANDS
SCRIPT = ROOT / "mockserver" / "script"


def test_each_block_says_its_language() -> None:
    """So that it is run or checked: `text` is what there is nothing to do with."""
    known = {*SHELL_LANGUAGES, "python", "ts", "yaml", "toml", "json", "groovy", "text"}
    known |= {"zsh", "fish"}  # typed by test_completion.py
    assert [f"{e}: {e.language!r}" for e in EXAMPLES if e.language not in known] == []
    # Where js/scripts/snippets.mjs looks for it.
    assert all(e.page.startswith("docs/") for e in EXAMPLES if e.language == "ts")


PAGES_OF = {
    "agentos-mock": ["install"],
    "agentos-mock serve": ["mock"],
    "agentos-mock check": ["scripts"],
    "agentos-mock record": ["recordings"],
    "agentos-mock faults": ["self-proof"],
    "agentos-mock openapi": ["document"],
    "contract-tests": ["contract-tests", "install"],
    "contract-tests diff": ["profiles"],
    "contract-tests drift": ["drift", "contract-tests", "ci"],
    "contract-tests fuzz": ["fuzzing", "contract-tests", "ci"],
    "contract-tests learn": ["profiles", "contract-tests", "ci"],
}
"""Where each command's options stand."""


def _commands() -> Iterator[tuple[str, click.Command]]:
    for name, command in (("agentos-mock", COMMANDS["agentos-mock"]), ("contract-tests", JUDGE)):
        inner = command.commands if isinstance(command, click.Group) else BESIDE
        yield name, command
        yield from ((f"{name} {each}", one) for each, one in inner.items())


@pytest.mark.parametrize(("name", "command"), list(_commands()))
def test_each_option_stands_in_its_commands_page(name: str, command: click.Command) -> None:
    pages = [(ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES_OF[name]]
    options = [
        option
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    missing = [
        option.opts[0]
        for option in options
        if not any(_stands(word, page) for word in option.opts for page in pages)
    ]
    assert missing == [], f"expected in {', '.join(PAGES_OF[name])}"


def test_each_key_of_scripts_stands_in_their_page() -> None:
    schema = json.loads((SCRIPT / "workflow-script.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    code = " ".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))
    assert [key for key in sorted(set(_properties(schema))) if not _stands(key, code)] == []


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    inner = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict | list):
        for each in inner:
            yield from _properties(each)


def _stands(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def test_what_is_said_of_pages_is_so() -> None:
    """No page and no piece of one is named that is not there, and nothing is given in vain."""
    assert set(SAID) <= set(NAMES)
    for name, said in SAID.items():
        texts = [piece.text for example in examples(name) for piece in pieces(example)]
        for begin, reason in said.not_run.items():
            assert reason, f"{name}: {begin}"
            assert any(text.startswith(begin) for text in texts), f"{name}: {begin}"
        texts.extend(said.environment.values())
        for words in (*said.servers, *said.instead):
            assert any(without_scheme(words) in text for text in texts), f"{name}: {words}"
    for file in GIVEN.rglob("*.*"):
        if file.is_file():
            assert any(file.is_relative_to(GIVEN / name) for name in NAMES), file


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_server_wherever_a_command_asks(name: str) -> None:
    """Else it would ask the network: tests/docs/pages.yaml names a page's `servers`."""
    said = SAID.get(name, Page())
    ran = [
        replaced(" ".join(getattr(piece, "words", [piece.text])), said.instead)
        for example in examples(name)
        for piece in pieces(example)
        if not piece.text.startswith(tuple(said.not_run))
    ]
    started = {f"localhost:{port}" for text in ran for port in re.findall(r"--port (\d+)", text)}
    known = {without_scheme(address) for address in (MOCK, *said.servers)} | started
    for text in ran:
        for address in re.findall(r"\w+://[^/\s'\"?]+|\blocalhost:\d+", text):
            assert without_scheme(address) in known, f"{name}: {text}: nothing is at {address}"


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
    elif "scenarios" in content:
        (tmp_path / "scenarios.yaml").write_text(example.text, encoding="utf-8")
        file.write_text('{"id": "shown", "steps": []}', encoding="utf-8")
        assert load_scripts(tmp_path).warnings == []
    elif example.page == "docs/self-proof.md":
        (name,) = content
        file = next(f for f in INVENTED.glob("*.yaml") if f"\n{name}:" in f.read_text())
        kept = yaml.safe_load(file.read_text(encoding="utf-8"))[name]
        assert content[name].pop("masks") == ["..."]
        assert {key: kept.get(key) for key in content[name]} == content[name]
    else:
        # By the schemas of the CI servers: tests/contract_tests/commands/test_ci.py.
        assert example.page == "docs/ci.md"


@pytest.mark.parametrize("example", in_language("toml"))
def test_toml_is_a_configuration(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "contract-tests.toml"
    file.write_text(example.text, encoding="utf-8")
    assert load_configuration(file).url


@pytest.mark.parametrize("example", in_language("json"))
def test_json_is_json(example: Example) -> None:
    json.loads(example.text)


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
    if example.language in (*SHELL_LANGUAGES, "text")
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


def test_each_page_is_in_the_navigation() -> None:
    """Of the site (mkdocs.yml), and of the page of all pages."""
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}\n" in navigation, f"mkdocs.yml: nav has no {page.name}"
        assert page.name == "README.md" or f"({page.name})" in listed, (
            f"docs/README.md: no link to {page.name}"
        )


PACKAGES = "agentos_contract|contract_tests|mockserver|openapi|tests"
CODE = re.compile(rf"`((?:{PACKAGES})/[a-z][\w/.-]*\.\w+)(?:: (.*?))?`")
"""A file, and what is defined there, as a page names them."""


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_code_that_is_named_is_there(page: str) -> None:
    for name, definitions in CODE.findall((ROOT / page).read_text(encoding="utf-8")):
        if re.search("[A-Z]", Path(name).stem):  # it stands for any
            continue
        assert (ROOT / name).is_file(), name
        code = (ROOT / name).read_text(encoding="utf-8")
        for one in definitions.split(", ") if definitions else ():
            assert re.search(rf"^\s*(?:async )?(?:def |class )?{one}\b", code, re.M), (name, one)


MEMBER = re.compile(r"`([A-Z]\w+)\.(\w+)`")
"""A class and a member of it, as a page names them."""


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_members_that_are_named_are_there(page: str) -> None:
    named = MEMBER.findall((ROOT / page).read_text(encoding="utf-8"))
    code = "".join(
        file.read_text(encoding="utf-8")
        for package in ("agentos_contract", "contract_tests", "mockserver")
        for file in (ROOT / package).rglob("*.py")
    )
    assert named
    for name, member in named:
        bodies = re.findall(rf"^class {name}\b.*?(?=^\S|\Z)", code, re.M | re.S)
        defined = rf"^\s+(?:async )?(?:def )?(?:self\.)?{member}\b"
        assert any(re.search(defined, body, re.M) for body in bodies), (name, member)


def test_the_bundled_workflows_are_all_listed() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(.*?)\]\(\.\./fixtures/workflows/\1\.yaml\)", page, re.M)
    files = (ROOT / "fixtures" / "workflows").iterdir()
    assert listed == sorted(file.stem for file in files)


def test_the_types_are_used_as_in_what_is_compiled() -> None:
    """js/scripts/generators.mjs compiles that file with the types of each generator."""
    (shown,) = (e for e in EXAMPLES if e.page == "docs/document.md" and e.language == "ts")
    compiled = (ROOT / "js" / "tests" / "user.ts.txt").read_text(encoding="utf-8")
    for piece in re.split(r"\n\n(?=export )", shown.text):
        assert piece.strip() in compiled


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
