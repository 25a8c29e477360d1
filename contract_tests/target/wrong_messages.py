"""Messages that break an input_schema (JSON Schema 2020-12), one for each keyword at each place.

A keyword is broken in a message that is right but for that. What is wrong is wrong for a lax reader
too: no text that says a number stands for one, and what only some assert (`format`), or reads as
something else that is right (a list with a member twice, for a set: `uniqueItems`) is left alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from agentos_contract.json_values import mapping

MOST = 60
"""Messages for one input_schema."""

MAX_LENGTH = 10_000
"""Characters or items that are sent to be one too many."""

MAX_DEPTH = 6

UNREADABLE = "this is no JSON {"

_OTHERS: tuple[Any, ...] = ({}, [], "text", 0, None, True)
"""One of each type. Those come first that no lax reader takes for another."""

_TEXTS = ("", "!", "contract tests", "0", "\u0001")
_NUMBERS = (987_654_321, -987_654_321, 0.12345)

Wrong = tuple[str, Any]
"""A keyword, and a value that breaks it."""


@dataclass(frozen=True)
class WrongMessage:
    """A message that breaks an input_schema."""

    text: str
    keyword: str = ""
    """The one that it breaks; "" where it is no JSON, or of another type as a whole."""
    place: str = ""
    """A JSON Pointer (RFC 6901) into the message: of what is wrong in it."""

    def __str__(self) -> str:
        return f"{self.keyword} at {self.place or 'the whole'}"


def wrong_messages(schema: Mapping[str, Any], right: Any) -> tuple[WrongMessage, ...]:
    """Messages that break `schema`; `right` is a value that fits it, the more members the better.

    Those that are wrong as a whole come first, then one for each keyword at each place. Raises
    ValueError where `schema` is no JSON Schema.
    """
    validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    whole = [json.dumps(value) for value in _OTHERS if not validator.is_valid(value)]
    if not validator.is_valid(UNREADABLE):
        whole.insert(0, UNREADABLE)
    found = {text: WrongMessage(text) for text in whole}
    tried: set[str] = set()
    places = _Places(schema).wrong(schema, right, "", 0)
    for keyword, place, value, where in places if validator.is_valid(right) else ():
        if len(found) >= MOST:
            break
        text = json.dumps(value, ensure_ascii=False)
        if where in tried or text in found or not _breaks_one(validator, value):
            continue
        tried.add(where)
        found[text] = WrongMessage(text, keyword, place)
    return tuple(found.values())


def _breaks_one(validator: jsonschema_rs.Draft202012Validator, value: Any) -> bool:
    return sum(1 for _, error in zip(range(2), validator.iter_errors(value), strict=False)) == 1


class _Places:
    """Goes through a schema and a value that fits it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def wrong(
        self, schema: Any, value: Any, place: str, depth: int
    ) -> Iterator[tuple[str, str, Any, str]]:
        """Keyword, place, the whole value with it broken, and what tells this one from others."""
        schema = self._resolved(schema)
        if depth > MAX_DEPTH or not schema:
            return
        for keyword, make in _MAKERS.items():
            if keyword in schema:
                for name, broken in make(schema[keyword], value, schema):
                    yield keyword, place, broken, f"{place} {keyword} {name}"
        for part in (*_list(schema.get("allOf")), *self._conditional(schema, value)):
            yield from self.wrong(part, value, place, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            for part in _list(schema.get(keyword)):
                if self._fits(part, value):
                    yield from self.wrong(part, value, place, depth + 1)
                    break
        for key, part, member in self._members(schema, value):
            below = f"{place}/{str(key).replace('~', '~0').replace('/', '~1')}"
            for keyword, at, broken, where in self.wrong(part, member, below, depth + 1):
                yield keyword, at, _with(value, key, broken), where

    def _conditional(self, schema: Mapping[str, Any], value: Any) -> Iterator[Any]:
        """What a schema says of a value like this one: `if`, `dependentSchemas`."""
        if "if" in schema:
            yield schema.get("then" if self._fits(schema["if"], value) else "else", {})
        for name, part in mapping(schema.get("dependentSchemas")).items():
            if isinstance(value, dict) and name in value:
                yield part

    def _members(self, schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Key, schema and value of what a schema says more of."""
        if isinstance(value, dict):
            properties = mapping(schema.get("properties"))
            patterns = mapping(schema.get("patternProperties"))
            for key, member in value.items():
                said = [part for pattern, part in patterns.items() if _is_match(pattern, key)]
                said += [properties[key]] if key in properties else []
                for part in said or [schema.get("additionalProperties")]:
                    if isinstance(part, Mapping):
                        yield key, part, member
        elif isinstance(value, list):
            first = _list(schema.get("prefixItems"))
            yield from ((at, part, value[at]) for at, part in enumerate(first[: len(value)]))
            if len(value) > len(first) and "items" in schema:
                # The last: some look at the first alone.
                yield len(value) - 1, schema["items"], value[-1]

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """A schema with what its reference within the document says."""
        merged, seen = dict(mapping(schema)), 0
        while "$ref" in merged and seen < MAX_DEPTH:
            found: Any = self._root
            for key in str(merged.pop("$ref")).removeprefix("#").split("/")[1:]:
                found = mapping(found).get(key.replace("~1", "/").replace("~0", "~"))
            merged = {**mapping(found), **merged}
            seen += 1
        return merged

    def _fits(self, schema: Any, value: Any) -> bool:
        definitions = {k: self._root[k] for k in ("$defs", "definitions") if k in self._root}
        whole = {**definitions, **mapping(schema)}
        try:
            return bool(jsonschema_rs.Draft202012Validator(whole, offline=True).is_valid(value))
        except ValueError:
            return False


def _is_match(pattern: str, name: str) -> bool:
    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    return bool(validator.is_valid(name))


def _with(value: Any, key: Any, member: Any) -> Any:
    copy = value.copy()
    copy[key] = member
    return copy


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# -- a value for each keyword: what the keyword says, a value that fits, the schema


def _type(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    validator = jsonschema_rs.Draft202012Validator({"type": said})
    found: list[Wrong] = [("", other) for other in _OTHERS if not validator.is_valid(other)]
    if _is_number(value) and not validator.is_valid(value + 0.5):
        # Within its bounds, where cutting the fraction off makes it right.
        found.append(("fraction", value + 0.5))
    return found


def _choice(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    """Another value of the type, else one of another type."""
    if isinstance(value, str):
        return [("", text) for text in ("contract tests", value + "?", *_TEXTS)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [("", other) for other in _OTHERS]
    return [("", number) for number in _NUMBERS]


def _any_of(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    return [("", other) for other in (*_OTHERS, *_TEXTS, *_NUMBERS)]


def _bound(step: int) -> Callable[[Any, Any, Mapping[str, Any]], Iterable[Wrong]]:
    return lambda said, value, schema: [("", said + step)] if _is_number(value) else []


def _multiple(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not _is_number(value) or not _is_number(said):
        return []
    return [("", value + by) for by in (1, -1, said / 2, -said / 2) if math.isfinite(value + by)]


def _pattern(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, str):
        return []
    others = ("!" + value, value + "!", "!" * len(value), "0" * len(value), "a" * len(value))
    return [("", text) for text in (*others, *_TEXTS)]


def _too_few(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    is_some = isinstance(value, str | list) and isinstance(said, int) and said > 0
    return [("", value[: said - 1])] if is_some else []


def _too_many(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, str | list) or not isinstance(said, int) or said >= MAX_LENGTH:
        return []
    filling: Any = value or ("x" if isinstance(value, str) else [0])
    times = said // len(filling) + 1
    if isinstance(value, list) and schema.get("uniqueItems"):
        more = range(-7, said - 6 - len(value))
        made = map(str, more) if isinstance(filling[0], str) else more
        return [("", [*value, *made])]
    return [("", (filling * times)[: said + 1])]


def _required(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, dict):
        return []
    return [
        (name, {key: member for key, member in value.items() if key != name})
        for name in _list(said)
        if name in value
    ]


def _no_other(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    is_closed = said is False and isinstance(value, dict)
    return [("", {**value, "contractTestsUnknown": 1})] if is_closed else []


def _too_few_members(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, dict) or not isinstance(said, int):
        return []
    needed = _list(schema.get("required"))
    order = sorted(value, key=lambda name: name not in needed)
    return [("", {name: value[name] for name in order[: max(0, said - 1)]})]


def _too_many_members(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, dict) or not isinstance(said, int) or said >= MAX_LENGTH:
        return []
    more = range(said + 1 - len(value))
    return [
        ("", {**value, **{f"contractTests{number}": member for number in more}})
        for member in (*list(value.values())[:1], *_OTHERS)
    ]


def _names(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, dict):
        return []
    names = ("contractTestsUnknown", "contract tests", *_TEXTS, "x" * 1_000)
    member = next(iter(value.values()), 1)
    return [("", {**value, name: member}) for name in names]


def _contained(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    """A list with none that fits."""
    if not isinstance(value, list):
        return []
    others = (*_OTHERS, *_TEXTS, *_NUMBERS)
    return [*(("", [other] * max(1, len(value))) for other in others), ("", [])]


def _contained_too_rarely(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    is_some = isinstance(value, list) and isinstance(said, int) and said > 1
    return [("", [item] * (said - 1)) for item in value] if is_some else []


def _contained_too_often(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    if not isinstance(value, list) or not isinstance(said, int) or said >= MAX_LENGTH:
        return []
    return [("", [*value, *[item] * (said + 1)]) for item in value]


def _dependent(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    """A member whose companion is missing."""
    if not isinstance(value, dict):
        return []
    return [
        (f"{name} {other}", {key: member for key, member in value.items() if key != other})
        for name, others in mapping(said).items()
        for other in _list(others)
        if name in value and other in value
    ]


def _excluded(said: Any, value: Any, schema: Mapping[str, Any]) -> Iterable[Wrong]:
    """What is not to be: a value of it, else whatever may be one."""
    excluded = mapping(said)
    named = [excluded["const"]] if "const" in excluded else _list(excluded.get("enum"))
    found = [("", other) for other in (*named, *_OTHERS, *_TEXTS, *_NUMBERS)]
    if isinstance(value, dict):
        names = _list(excluded.get("required"))
        found.append(("", {**value, **{name: value.get(name, 1) for name in names}}))
    if isinstance(value, str):
        found += [("", value + more) for more in ("!", "0", "x", " ")]
    return found


_MAKERS: dict[str, Callable[[Any, Any, Mapping[str, Any]], Iterable[Wrong]]] = {
    "type": _type,
    "required": _required,
    "enum": _choice,
    "const": _choice,
    "anyOf": _any_of,
    "oneOf": _any_of,
    "minimum": _bound(-1),
    "maximum": _bound(1),
    "exclusiveMinimum": _bound(0),
    "exclusiveMaximum": _bound(0),
    "multipleOf": _multiple,
    "minLength": _too_few,
    "maxLength": _too_many,
    "pattern": _pattern,
    "minItems": _too_few,
    "maxItems": _too_many,
    "minProperties": _too_few_members,
    "maxProperties": _too_many_members,
    "propertyNames": _names,
    "contains": _contained,
    "minContains": _contained_too_rarely,
    "maxContains": _contained_too_often,
    "dependentRequired": _dependent,
    "additionalProperties": _no_other,
    "unevaluatedProperties": _no_other,
    "not": _excluded,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- a schema that asks for more


def with_all_members(schema: Any) -> Any:
    """The schema with each member that it names required, and two items in each list: what fits it
    fits the schema, and shows more places."""
    if isinstance(schema, list):
        return [with_all_members(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    full: dict[str, Any] = {
        key: {name: with_all_members(part) for name, part in said.items()}
        if key in ("properties", "$defs", "definitions") and isinstance(said, Mapping)
        else with_all_members(said)
        if key in ("items", "prefixItems", "allOf", "anyOf", "oneOf")
        else said
        for key, said in schema.items()
    }
    if properties := mapping(full.get("properties")):
        full["required"] = list(dict.fromkeys([*_list(full.get("required")), *properties]))
    elif mapping(full.get("additionalProperties")) and not full.get("minProperties"):
        full["minProperties"] = 1
    items, most = bool(mapping(full.get("items"))), full.get("maxItems", 2)
    least = len(_list(full.get("prefixItems"))) + items
    if items and not full.get("uniqueItems") and isinstance(most, int) and least < most:
        least += 1
    if least > full.get("minItems", 0):
        full["minItems"] = least
    return full
