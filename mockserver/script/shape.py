"""The shape of a script: what its JSON Schema says, and which keys it does not know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from agentos_contract.json_values import short
from agentos_contract.names import nearest
from mockserver.script.problems import KeyPath, Problems, elided, instead_of

SCHEMA_FILE = Path(__file__).parent / "workflow-script.schema.json"

# What stands in the place of a value that is wrong or missing, so that the rest can be checked.
_STAND_INS: dict[str | int, Any] = {
    "id": "x",
    "name": "x",
    "status": 500,
    "type": "Step",
    "tools": [{"name": "x"}],
}
_ITEM_STAND_INS: dict[str | int, Any] = {
    **{key: {"type": "Step"} for key in ("steps", "choices", "else_steps")},
    "members": {},
    "runs": {"agent": {}},
    "events": {"data": {}},
    "user_input_schema": {"name": "x"},
    "requests": {"tools": [{"name": "x"}]},
    "tools": {"name": "x"},
    "scenarios": {"name": "x", "status": 500},
}
_KINDS = ("Step", "Parallel", "Condition", "Loop", "Router", "Steps")
_IN_YAML = {
    "array": "a list (`- …`, or in brackets)",
    "object": "a mapping (`key: value`)",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
"""What a value should be, as who writes YAML calls it."""
_ROUNDS = 20


@cache
def script_schema() -> dict[str, Any]:
    """The scripts' JSON Schema, as published for editors."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def check_shape(value: dict[str, Any], problems: Problems) -> dict[str, Any] | None:
    """The script, with stand-ins for what is wrong in it: so what else is wrong is told at once.

    None where that does not come to an end.
    """
    if problems.has_errors:  # what YAML can say and JSON cannot
        value = _copied(value)
        for path in problems.wrong:
            _put_right(value, path)
    validator = _validator()
    for _ in range(_ROUNDS):
        errors = list(validator.iter_errors(value))
        if not errors:
            _warn_of_unknown_keys(value, problems)
            return value
        for error in errors:
            _report(error, problems)
        value = _copied(value)
        for error in errors:
            for path in _wrong_paths(error):
                problems.wrong.add(path)
                _put_right(value, path)
    return None


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(script_schema())


def _report(error: Any, problems: Problems) -> None:
    path, kind = tuple(error.instance_path), error.kind
    if kind.name == "additionalProperties":
        # …/$defs/mock/additionalProperties: the definition that it stands in has the keys.
        known = _schema_at(error.schema_path[:-1]).get("properties", ())
        for name in kind.unexpected:
            problems.add((*path, name), f"unknown key {short(name)}; {instead_of(name, known)}")
    elif kind.name == "required":
        if (*path, kind.property) not in problems.wrong:
            message = f"the key {kind.property!r} is missing"
            wanted = _schema_at(error.schema_path[:-1]).get("properties", {}).get(kind.property)
            if wanted and "enum" in wanted:
                message += f"; expected one of {', '.join(sorted(wanted['enum']))}"
            problems.add(path, message)
    elif kind.name == "enum":
        instead = instead_of(str(error.instance), map(str, _schema_at(error.schema_path)))
        problems.add(path, f"{short(error.instance)} is not allowed; {instead}")
    elif kind.name == "type":
        kinds = [_IN_YAML[name] for name in kind.types if name != "null"]
        problems.add(path, f"{short(error.instance)} is not {' or '.join(kinds)}")
    elif kind.name == "pattern":
        about = _schema_at(error.schema_path[:-1]).get("description")
        problems.add(path, f"{elided(error.message)}{f': {about}' if about else ''}")
    else:
        problems.add(path, elided(error.message))


def _wrong_paths(error: Any) -> list[KeyPath]:
    path: KeyPath = tuple(error.instance_path)
    match error.kind.name:
        case "additionalProperties":
            return [(*path, name) for name in error.kind.unexpected]
        case "required":
            return [(*path, error.kind.property)]
    return [path]


def _put_right(value: Any, path: KeyPath) -> None:
    """Put a stand-in at `path`, or nothing where nothing need be there."""
    *above, key = path
    try:
        for part in above:
            value = value[part]
        if isinstance(key, int):
            value[key] = _copied(_ITEM_STAND_INS.get(above[-1], ""))
        elif key == "type" and isinstance(value.get(key), str):
            value[key] = nearest(value[key], _KINDS) or _STAND_INS[key]
        elif key in _STAND_INS:
            value[key] = _copied(_STAND_INS[key])
        else:
            value.pop(key, None)
    except (LookupError, TypeError, AttributeError):
        return  # it stood in something that has been put right already


def _copied(value: Any) -> Any:
    """A copy in which nothing stands twice, as a YAML alias does."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


def _schema_at(path: Sequence[str | int]) -> Any:
    part: Any = script_schema()
    for key in path:
        part = part[key]
    return part


# -- keys that it does not know


def _warn_of_unknown_keys(value: Mapping[str, Any], problems: Problems) -> None:
    """A key that the kit does not know may be one of Agno's next release: a warning."""
    _warn(value, (), "", problems)
    for path, step in _steps(value):
        if (*path, "type") not in problems.wrong:
            _warn(step, path, step["type"], problems)


def _warn(value: Iterable[str], path: KeyPath, definition: str, problems: Problems) -> None:
    known = _known_keys(definition)
    for name in value:
        if name not in known:
            message = f"unknown key {short(name)}; {instead_of(name, known)}"
            problems.add((*path, name), message, warning=True)


def _known_keys(name: str) -> frozenset[str]:
    definition = script_schema() if not name else script_schema()["$defs"][name]
    keys = set(definition.get("properties", ()))
    for part in definition.get("allOf", ()):
        if "$ref" in part:
            keys |= _known_keys(part["$ref"].rsplit("/", 1)[-1])
    return frozenset(keys)


def _steps(
    value: Mapping[str, Any], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Every step and container below a workflow or container, with its path."""
    for key in ("steps", "else_steps", "choices"):
        for index, item in enumerate(value.get(key) or ()):
            here = (*path, key, index)
            yield here, item
            yield from _steps(item, here)


def name_of(item: Mapping[str, Any], position: int) -> str:
    """A step's name: its own, or Agno's of its place. An agent or a team that is a step by itself
    has none; Agno's descriptions call it `unnamed_agent`."""
    name = item.get("name")
    if name in ("unnamed_agent", "unnamed_team") and (item.get("agent") or item.get("team")):
        name = None
    return str(name or f"step_{position + 1}")
