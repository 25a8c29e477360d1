"""YAML and JSON with each value's place in its file, for messages that name the line."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from agentos_contract.json_values import MAX_DEPTH, MAX_DIGITS, read_json, short
from mockserver.script.problems import Path

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
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    """What YAML can say and JSON cannot."""


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_TAG = "tag:yaml.org,2002:"
_JSON_TAGS = frozenset(
    f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)
_CONTAINERS = (yaml.MappingNode, yaml.SequenceNode)


_NO_JSON = (f"{_TAG}timestamp", f"{_TAG}value")
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
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
        loader = _Loader(text)
        try:
            # Before anything recurses: libyaml's composer ends the process where its stack does.
            _check_depth(text)
            node = loader.get_single_node()
            if node is None:
                return Positioned(None)
            places = _Places(node)
            if not is_json:
                value = loader.construct_document(node)
            return Positioned(value, places.lines, places.problems)
        finally:
            loader.dispose()
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
    return SyntaxProblem(f"no YAML: {what}{hint}", marks[0].line + 1 if marks else 1)


_BRACES = re.compile(r"(^|[:\-\[,])\s*\{[{%]")
_HINT = '; quote a text that begins with {{ or {%, such as "{{ input }}"'


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                assert event.start_mark is not None
                raise _too_deep(event.start_mark.line + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(line: int) -> SyntaxProblem:
    return SyntaxProblem(f"it is nested more than {MAX_DEPTH} deep; expected a workflow", line)


class _Places:
    """Where the values of a YAML document stand, and which of them are no JSON."""

    def __init__(self, root: yaml.Node) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[tuple[Path, str]] = []
        self._sizes: dict[yaml.Node, tuple[int, int] | None] = {}
        self._measure(root)
        self._collect(root, ())

    def _measure(self, node: yaml.Node) -> tuple[int, int]:
        """How many values a node stands for with its aliases, and how deep they are nested.

        Each node is measured once, however often it is referred to.
        """
        if not isinstance(node, _CONTAINERS):
            return 1, 0
        line = node.start_mark.line + 1
        if node in self._sizes:
            known = self._sizes[node]
            if known is None:
                raise SyntaxProblem("an alias stands for what it is itself a part of", line)
            return known
        self._sizes[node] = None
        count, depth = 1, 0
        items = node.value
        if isinstance(node, yaml.MappingNode):
            items = [part for pair in node.value for part in pair]
        for item in items:
            inner_count, inner_depth = self._measure(item)
            count, depth = count + inner_count, max(depth, inner_depth)
        if count > MAX_VALUES:
            message = f"with its aliases it stands for more than {MAX_VALUES:,} values"
            raise SyntaxProblem(f"{message}, the most that are read", line)
        if depth >= MAX_DEPTH:
            raise _too_deep(line)
        self._sizes[node] = count, depth + 1
        return count, depth + 1

    def _collect(self, node: yaml.Node, path: Path) -> None:
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

    def _collect_members(self, node: yaml.MappingNode, path: Path) -> None:
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
