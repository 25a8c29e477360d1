"""YAML and JSON with each value's place in its file, for messages that name the line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from agentos_contract.json_values import MAX_DEPTH

Path = tuple[str | int, ...]
"""Keys and indexes from the root to a value."""


class SyntaxProblem(ValueError):
    """A text that is no YAML or JSON; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Positioned:
    """A value with the line of each of its parts (of a mapping's member: its key's line)."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of `path`, or of its nearest ancestor that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str, *, is_json: bool = False) -> Positioned:
    """Parse one YAML or JSON document.

    Raises SyntaxProblem, also for a key that comes twice and for what is nested more than
    MAX_DEPTH deep.
    """
    value: Any = None
    if is_json:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise SyntaxProblem(f"no JSON: {error.msg}", error.lineno) from error
        except RecursionError:
            pass  # said below, with its line
        # JSON is YAML but for its surrogate escapes. From here on only places are wanted.
        text = _SURROGATE.sub("______", text)
    loader = _Loader(text)
    try:
        # Before anything recurses: libyaml's composer ends the process where its stack does.
        _check_depth(text)
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        if node is None:
            return Positioned(None, lines)
        _collect(node, (), lines)
        return Positioned(value if is_json else loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "cannot be read"
        raise SyntaxProblem(f"no YAML: {what}", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxProblem(f"no YAML: {error.reason}", line) from error
    finally:
        loader.dispose()


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


def _collect(node: yaml.Node, path: Path, lines: dict[Path, int]) -> None:
    if len(path) > MAX_DEPTH:  # an alias of what it stands in
        raise _too_deep(node.start_mark.line + 1)
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            line = key.start_mark.line + 1
            if name in seen:
                raise SyntaxProblem(f"the key {name!r} comes twice in one mapping", line)
            seen.add(name)
            lines[(*path, name)] = line
            _collect(value, (*path, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*path, index), lines)
