"""YAML and JSON with each value's place in its file, for messages that name the line."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from agentos_contract.json_values import MAX_DIGITS, read_json, short
from agentos_contract.yaml_files import SafeLoader, TooMuch, composed
from mockserver.script.problems import KeyPath

MAX_VALUES = 100_000
"""Of one file, each alias and merge key (`<<`) counted with all that it stands for."""


class SyntaxProblem(ValueError):
    """A text that is no YAML or JSON; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Positioned:
    """A value with the line of each of its parts (of a mapping's member: its key's line)."""

    value: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[tuple[KeyPath, str]] = field(default_factory=list)
    """What YAML can say and JSON cannot."""


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_TAG = "tag:yaml.org,2002:"
_JSON_TAGS = frozenset(
    f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


_NO_JSON = (f"{_TAG}timestamp", f"{_TAG}value")


class _Loader(SafeLoader):  # type: ignore[misc]
    """The safe loader, to which dates and `=` are texts, as to JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [resolver for resolver in resolvers if resolver[0] not in _NO_JSON]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse(text: str, *, is_json: bool = False) -> Positioned:
    """Parse one YAML or JSON document.

    Raises SyntaxProblem, also for what is nested more than MAX_DEPTH deep or stands for more than
    MAX_VALUES values.
    """
    value = _read_json(text) if is_json else None
    if is_json:
        # JSON is YAML but for its surrogate escapes. From here on only places are wanted.
        text = _SURROGATE.sub("______", text)
    try:
        with composed(text, _Loader, MAX_VALUES) as (loader, node):
            if node is None:
                return Positioned(None)
            places = _Places(node)
            if not is_json:
                value = loader.construct_document(node)
            return Positioned(value, places.lines, places.problems)
    except TooMuch as error:
        raise _no_yaml(error, text) from error
    except yaml.YAMLError as error:
        if is_json:  # keys of more than 1,024 characters, control characters: the lines are lost
            return Positioned(value)
        raise _no_yaml(error, text) from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        if isinstance(error, SyntaxProblem):
            raise
        raise SyntaxProblem(f"no YAML: {error}", 1) from error  # of `!!int x` and its like


def _read_json(text: str) -> Any:
    try:
        return read_json(text)
    except json.JSONDecodeError as error:
        raise SyntaxProblem(f"no JSON: {error.msg}", error.lineno) from error
    except ValueError as error:
        raise SyntaxProblem(f"no JSON: {error}", 1) from error


def _no_yaml(error: yaml.YAMLError, text: str) -> SyntaxProblem:
    if isinstance(error, yaml.reader.ReaderError):
        return SyntaxProblem(f"no YAML: {error.reason}", text.count("\n", 0, error.position) + 1)
    if not isinstance(error, yaml.MarkedYAMLError):
        return SyntaxProblem(f"no YAML: {error}", 1)
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    lines = text.splitlines()
    # Where braces were taken for YAML's own the error may be found on a line after them.
    braces = [_BRACES.search(lines[mark.line]) for mark in marks if mark.line < len(lines)]
    hint = next((_HINT for found in braces if found), "")
    what = error.problem or "it cannot be read"
    if what.startswith("but "):
        what = f"{error.context} {what}"
    if not isinstance(error, TooMuch):
        what = f"no YAML: {what}{hint}"
    return SyntaxProblem(what, marks[0].line + 1 if marks else 1)


_BRACES = re.compile(r"(^|[:\-\[,])\s*\{[{%]")
_HINT = '; quote a text that begins with {{ or {%, such as "{{ input }}"'


class _Places:
    """Where the values of a YAML document stand, and which of them are no JSON."""

    def __init__(self, root: yaml.Node) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[tuple[KeyPath, str]] = []
        self._collect(root, ())

    def _collect(self, node: yaml.Node, path: KeyPath) -> None:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.tag not in _JSON_TAGS:
            self.problems.append((path, f"{_tag(node.tag)} is no value that JSON has"))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._collect(item, (*path, index))
        elif isinstance(node, yaml.MappingNode):
            self._collect_members(node, path)
        elif node.tag == f"{_TAG}float" and not _is_finite(node.value):
            self.problems.append((path, f"{node.value[:40]} is no number that JSON has"))
        elif node.tag == f"{_TAG}int" and len(node.value) > MAX_DIGITS:
            line = node.start_mark.line + 1
            raise SyntaxProblem(f"an integer of more than {MAX_DIGITS} digits", line)

    def _collect_members(self, node: yaml.MappingNode, path: KeyPath) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                what = "a mapping or list stands where a key should"
                raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
            name = str(key.value)
            here = (*path, name)
            self.lines[here] = key.start_mark.line + 1
            if name in seen:
                self.problems.append((here, f"the key {short(name)} comes twice in one mapping"))
            elif key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
                message = f"YAML takes the key {name} for no text; quote it: '{name}'"
                self.problems.append((path, message))
            seen.add(name)
            self._collect(value, here)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace("_", "")))
    except ValueError:  # .inf, .nan; or 1:30.5, which is sixty times the first and the second
        return ":" in text


def _tag(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}"
