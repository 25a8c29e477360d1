"""Nothing of what is printed acts, and nothing is lost of what is data."""

from __future__ import annotations

import json
import re

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.output import Command, acts, echo, escaped, escaped_lines, json_text

COMMAND = re.compile(r"(?m:^\s*::[a-z])|##\[|##\w+\[", re.IGNORECASE)
TEXTS = st.text() | st.lists(
    st.sampled_from(["::error::", "::add-mask::", "#", "##[", "##vso[", ":", "\n", "\x1b[", "a "])
).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x1b]8;;http://evil\x07link", r"\x1b]8;;http://evil\x07link"),
        ("abc\u202edef\u2066", r"abc\u202edef\u2066"),
        ("a\u200bb\u2028c\x85d", r"a\u200bb\u2028c\x85d"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("::error::x", r"\x3a:error::x"),
        ("  ::set-output name=a::b", r"  \x3a:set-output name=a::b"),
        ("x ##[error]y", r"x \x23#[error]y"),
        ("###[group]y", r"#\x23#[group]y"),
        ("##vso[task.setvariable variable=a]b", r"\x23#vso[task.setvariable variable=a]b"),
        ("##teamcity[x]", r"\x23#teamcity[x]"),
    ],
)
def test_what_acts_is_shown_instead(text: str, shown: str) -> None:
    assert acts(text)
    assert escaped(text) == shown


@pytest.mark.parametrize(
    "text", ["", "plain", "äöü 名前 👍🏽 عربي", "http://[::1]:7777/x", "std::vector<int>", "# ## a"]
)
def test_what_does_not_act_stays(text: str) -> None:
    assert not acts(text)
    assert escaped(text) == escaped_lines(text) == text


@given(TEXTS)
def test_it_is_one_line_without_a_command_and_done_once(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert not COMMAND.search(shown)
    assert escaped(shown) == shown
    assert escaped_lines(text).split("\n") == [escaped(line) for line in text.split("\n")]


@given(st.dictionaries(TEXTS, st.lists(TEXTS)))
def test_json_is_safe_and_has_all_of_it(value: dict[str, list[str]]) -> None:
    for indent in (None, 2):
        text = json_text(value, indent=indent)
        assert json.loads(text) == value
        assert all(line.isprintable() and not COMMAND.search(line) for line in text.split("\n"))


def test_errors_of_a_command_are_escaped() -> None:
    @click.command(cls=Command)
    @click.argument("name")
    def fails(name: str) -> None:
        echo(f"got {name}\n::error::x")
        raise click.ClickException(f"{name} is no name\n::error::y")

    result = CliRunner().invoke(fails, ["\x1b[2J"])
    assert result.stdout == "got \\x1b[2J\n\\x3a:error::x\n"
    assert result.stderr == "Error: \\x1b[2J is no name\n\\x3a:error::y\n"
    assert "\x1b" not in CliRunner().invoke(fails, ["a", "--\x1b[2J"]).stderr
