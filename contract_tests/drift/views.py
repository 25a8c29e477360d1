"""Schemas in one normal form, whatever words they were written in.

`anyOf: [{type: string}, {type: "null"}]`, `type: [string, "null"]` and a `$ref` to either say the
same; a `View` is what they say, one level deep: types, enum, bounds, properties, items. What a
schema says of its members stays a schema, to be viewed when asked for, so that cycles are no
matter. Of several branches (`anyOf`, `oneOf`) it is what one of them allows: a view may allow what
the schema does not, never the other way round, but for keywords that no view knows (`not`, `if`,
`patternProperties`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from agentos_contract.json_values import canonical

Schema = Mapping[str, Any] | bool

TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})

# A keyword's type, and whether a greater value allows less.
LOWER = {"minLength": "string", "minimum": "number", "exclusiveMinimum": "number"} | {
    "minItems": "array",
    "minProperties": "object",
}
UPPER = {"maxLength": "string", "maximum": "number", "exclusiveMaximum": "number"} | {
    "maxItems": "array",
    "maxProperties": "object",
}
NAMED = {"pattern": "string", "format": "string", "contentMediaType": "string"}
BOUNDS = LOWER | UPPER | NAMED

MAX_VIEWS = 20_000
"""Of one operation: a schema can be written whose branches multiply without end."""

_MAX_DEPTH = 60
"""References and branches within each other."""


class TooInvolved(Exception):
    """A document whose schemas multiply beyond what anybody could read."""


@dataclass(frozen=True)
class View:
    """What a schema says of a value, one level deep."""

    types: frozenset[str] = TYPES
    """The JSON types that it allows; with `number` always `integer`, which is part of it."""
    enum: frozenset[str] | None = None
    """The values that it allows, as JSON texts."""
    bounds: Mapping[str, Any] = field(default_factory=dict)
    """By keyword, one of BOUNDS."""
    properties: Mapping[str, Schema] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    """Properties that not every branch names: what they are holds in some only."""
    required: frozenset[str] = frozenset()
    others: Schema = True
    """What further properties may be; False where there may be none."""
    items: Schema = True
    default: str | None = None
    """As a JSON text."""

    @property
    def says_nothing(self) -> bool:
        return self.types == TYPES and self.enum is None and not self.properties

    @property
    def is_open_map(self) -> bool:
        """Whether it is an object of which no property is named."""
        return "object" in self.types and not self.properties


ANYTHING = View()


class Views:
    """The schemas of one document, viewed."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._known: dict[int, tuple[Schema, View]] = {}
        self._count = 0
        self.unresolved: set[str] = set()
        """References that lead nowhere, or out of the document: they are never fetched."""

    def of(self, schema: Any) -> View:
        """The view of a schema; ANYTHING for what is none. Raises TooInvolved."""
        known = self._known.get(id(schema))
        if known is None:
            # The schema is kept too: an id is only its own as long as it lives.
            known = self._known[id(schema)] = (schema, self._view(schema, 0))
        return known[1]

    def renew(self) -> None:
        """Another operation's schemas are next."""
        self._count = 0

    def resolve(self, value: Any) -> Any:
        """What a `$ref` leads to, and what is none as it is; None where it leads nowhere."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and "$ref" in value:
            reference = value["$ref"]
            if not isinstance(reference, str) or reference in seen:
                self.unresolved.add(str(reference)[:200])
                return None
            seen.add(reference)
            value = self._target(reference)
        return value

    def _target(self, reference: str) -> Any:
        value: Any = self._document
        if reference == "#":
            return value
        if not reference.startswith("#/"):
            self.unresolved.add(reference[:200])
            return None
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                self.unresolved.add(reference[:200])
                return None
        return value

    def _view(self, schema: Any, depth: int) -> View:
        self._count += 1
        if self._count > MAX_VIEWS:
            raise TooInvolved(f"its schemas have more than {MAX_VIEWS} branches")
        if schema is False:
            return View(types=frozenset())
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return ANYTHING
        parts = [_own(schema)]
        if "$ref" in schema:
            parts.append(self._view(self.resolve({"$ref": schema["$ref"]}), depth + 1))
        parts += [self._view(part, depth + 1) for part in _list(schema.get("allOf"))]
        for keyword in ("anyOf", "oneOf"):
            branches = _list(schema.get(keyword))
            if branches:
                views = [self._view(branch, depth + 1) for branch in branches]
                # A branch that nothing fits is none.
                views = [view for view in views if view.types] or views
                parts.append(reduce(_either, views))
        return reduce(_both, parts)


def _own(schema: Mapping[str, Any]) -> View:
    """What a schema says itself, without its references and branches."""
    types = TYPES
    said = schema.get("type")
    if isinstance(said, str | list):
        names = {said} if isinstance(said, str) else {one for one in said if isinstance(one, str)}
        types = _with_integer(names & TYPES) or TYPES
        if schema.get("nullable") is True:  # OpenAPI 3.0's
            types |= {"null"}
    enum = None
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        enum = frozenset(canonical(value) for value in values)
        types &= _with_integer({type_of(value) for value in values})
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        properties = {}
    others = schema.get("additionalProperties", True)
    return View(
        types=types,
        enum=enum,
        bounds={key: schema[key] for key in BOUNDS if _is_bound(key, schema.get(key))},
        properties={str(name): _schema(value) for name, value in properties.items()},
        required=frozenset(n for n in _list(schema.get("required")) if isinstance(n, str)),
        others=_schema(others),
        items=_schema(schema.get("items", True)),
        default=canonical(schema["default"]) if schema.get("default") is not None else None,
    )


def _both(one: View, other: View) -> View:
    """What is allowed by both."""
    if one is ANYTHING or other is ANYTHING:
        return other if one is ANYTHING else one
    if one.enum is None or other.enum is None:
        enum = other.enum if one.enum is None else one.enum
    else:
        enum = one.enum & other.enum
    properties = dict(one.properties)
    for name, schema in other.properties.items():
        if name not in properties or (name in one.loose and name not in other.loose):
            properties[name] = schema
        elif name in one.loose or name not in other.loose:
            properties[name] = _all_of(properties[name], schema)
    return View(
        types=one.types & other.types,
        enum=enum,
        bounds=_tighter(one.bounds, other.bounds),
        properties=properties,
        loose=frozenset(
            name
            for name in properties
            if all(name in view.loose or name not in view.properties for view in (one, other))
        ),
        required=one.required | other.required,
        others=_all_of(one.others, other.others),
        items=_all_of(one.items, other.items),
        default=one.default if one.default is not None else other.default,
    )


def _either(one: View, other: View) -> View:
    """What is allowed by one of them, as near as one view can say it."""
    objects = [view for view in (one, other) if "object" in view.types]
    arrays = [view for view in (one, other) if "array" in view.types]
    names = dict.fromkeys(name for view in objects for name in view.properties)
    return View(
        types=one.types | other.types,
        enum=_either_enum(one, other),
        bounds=_looser((one, other)),
        properties={
            name: _any_of([v.properties[name] for v in objects if name in v.properties])
            for name in names
        },
        loose=frozenset(
            name
            for name in names
            if any(name in view.loose or name not in view.properties for view in objects)
        ),
        required=frozenset.intersection(*(view.required for view in objects))
        if objects
        else frozenset(),
        others=_any_of([view.others for view in objects]),
        items=_any_of([view.items for view in arrays]),
        default=one.default if one.default is not None else other.default,
    )


def _either_enum(one: View, other: View) -> frozenset[str] | None:
    """The values of both; None where one of them does not count its values."""
    values: frozenset[str] = frozenset()
    for view in (one, other):
        counted = view.enum
        if counted is None and view.types <= {"null", "boolean"}:
            texts = {"null": ("null",), "boolean": ("true", "false")}
            counted = frozenset(text for name in view.types for text in texts[name])
        if counted is None:
            return None
        values |= counted
    # Null alone, or true and false, say no more than their types do.
    return None if one.enum is None and other.enum is None else values


def _tighter(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    choose = {**dict.fromkeys(LOWER, max), **dict.fromkeys(UPPER, min)}
    both = one.keys() & other.keys() & choose.keys()
    return {**other, **one, **{key: choose[key](one[key], other[key]) for key in both}}


def _looser(views: Sequence[View]) -> dict[str, Any]:
    """The bounds that all of those have whose values they are about."""
    bounds: dict[str, Any] = {}
    for keyword, kind in BOUNDS.items():
        kind = "integer" if kind == "number" else kind
        values: list[Any] = [view.bounds.get(keyword) for view in views if kind in view.types]
        if not values or None in values:
            continue
        if keyword in LOWER or keyword in UPPER:
            bounds[keyword] = min(values) if keyword in LOWER else max(values)
        elif len(set(values)) == 1:
            bounds[keyword] = values[0]
    return bounds


def _with_integer(types: Iterable[str]) -> frozenset[str]:
    types = frozenset(types)
    return types | {"integer"} if "number" in types else types


def _any_of(schemas: Sequence[Schema]) -> Schema:
    """Schemas of members, of which one holds; True, which says nothing, where one says that."""
    if not schemas or True in schemas:
        return True
    first = schemas[0]
    return first if all(one == first for one in schemas) else {"anyOf": list(schemas)}


def _all_of(one: Schema, other: Schema) -> Schema:
    """Schemas of members, all of which hold."""
    said = [schema for schema in (one, other) if schema is not True]
    if not said:
        return True
    return said[0] if len(said) == 1 or said[0] == said[1] else {"allOf": said}


def join(path: str, name: str) -> str:
    """A member's path. `steps[].steps[]` is `steps[]`: what is within itself differs once."""
    if path == f"{name}[]" or path.endswith(f".{name}[]"):
        return path.removesuffix("[]")
    return f"{path}.{name}" if path else name


def type_of(value: Any) -> str:
    """A JSON value's type; `integer` for a number without a fraction."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _is_bound(keyword: str, value: Any) -> bool:
    if keyword in NAMED:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schema(value: Any) -> Schema:
    return value if isinstance(value, Mapping | bool) else True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def describe_types(types: Iterable[str]) -> str:
    """Types in words: `string or null`."""
    found = set(types)
    if found == TYPES:
        return "anything"
    if "number" in found:
        found.discard("integer")
    return " or ".join(sorted(found, key=lambda name: (name == "null", name))) or "nothing"
