"""Texts of strangers where people and CI servers read them: on a terminal, in a log, in a report.

What a server, a client or a file said may move a cursor, hide what stands before it, turn the
order of letters round, or give a CI server a command. So whatever acts is shown as it would be
written: `\\x1b[2J`, `\\u202e`, `\\n`. Everything that is printed goes through `escaped`, which does
nothing to what it has done already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

_COMMAND = re.compile(
    r":(?=:[a-z][a-z-]*(?:\ |::))"  # ::error file=x::  GitHub Actions, at a line's start
    r"|\#(?=\#[\w.]*\[)",  # ##[error] ##vso[task.x] ##teamcity[x]  anywhere in a line
    re.IGNORECASE | re.VERBOSE,
)
"""What a CI server reads in a log as a command to itself."""


def acts(text: str) -> bool:
    """Whether something in it would act, instead of being seen."""
    return not text.isprintable() or _COMMAND.search(text) is not None


def escaped(text: str) -> str:
    """A text in one line, with nothing in it that acts: no control character (C0, C1), nothing
    invisible, no half of a surrogate pair, no command to a CI server."""
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
            for char in text
        )
    return _COMMAND.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def escaped_lines(text: str) -> str:
    """As `escaped`, of a text that has lines of its own."""
    return "\n".join(map(escaped, text.split("\n")))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON that is safe to be shown: what acts is written by JSON's own escapes, so that
    nothing of it is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "\n".join(_escaped_json(line) for line in text.split("\n"))


def _escaped_json(line: str) -> str:
    if not line.isprintable():
        line = "".join(char if char.isprintable() else json.dumps(char).strip('"') for char in line)
    return _COMMAND.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def echo(text: str, *, err: bool = False) -> None:
    """Print a text, line by line."""
    click.echo(escaped_lines(text), err=err)


class Command(click.Command):
    """A command whose errors are escaped, as they quote files and arguments. An error about a value
    is one line: how the command is used was right."""

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        with _plain_errors():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _plain_errors():
            return super().invoke(ctx)


class Group(Command, click.Group):
    """The same, with commands below it."""


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = escaped_lines(error.message)  # click calls it final
        is_missing = isinstance(error, click.MissingParameter)
        if isinstance(error, click.BadParameter) and error.ctx is not None and not is_missing:
            if error.param_hint is None and error.param is not None:
                error.param_hint = error.param.get_error_hint(error.ctx)
            error.ctx = None  # click shows the usage of a context's command
        raise
