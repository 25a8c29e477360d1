"""Values that came, compared with the kit's schemas: in structure, never in content.

Values of one part (an event's name, an answer's status) are taken together: a field that is new is
told once, with all the types that it had.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract_tests.drift.changes import Difference, Impact
from contract_tests.drift.views import Views, describe_types, type_of

MAX_DEPTH = 32
"""Members within members that are compared."""

MAX_SIGHTS = 200
"""Differences of one part: a server may make up names without end."""


@dataclass
class _Sight:
    """Something that differs, as often as it was seen."""

    kind: str
    impact: Impact
    kit: str
    types: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    example: Any = None
    """What `ValueComparison.add` was given with the first value that shows it."""


@dataclass(frozen=True)
class Came:
    """Known fields that need not come and did, by their paths."""

    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    """Paths of the objects that came: of no other can be said what its fields do."""

    def is_new(self, name: str) -> bool:
        """Whether a field never came, though an object did that could have it."""
        return name not in self.always | self.sometimes and parent_of(name) in self.objects


class ValueComparison:
    """The values of one part beside their schema."""

    def __init__(self, views: Views, schema: Any) -> None:
        self._views = views
        self._schema = schema
        self._sights: dict[tuple[str, str], _Sight] = {}
        self._objects: Counter[str] = Counter()
        """Objects that came, by path."""
        self._fields: dict[str, Counter[str]] = {}
        """Known fields that came in them, by the object's path."""
        self._required: dict[str, frozenset[str]] = {}
        self._missing: dict[tuple[str, str], Any] = {}
        """The first example of an object without a required field, by path and field."""

    def add(self, value: Any, example: Any) -> None:
        """One more value; `example` is handed out with what it shows."""
        self._value(self._schema, value, "", example, 0)

    def differences(self) -> Iterator[tuple[Difference, Any]]:
        """What differs, each with the example that shows it."""
        for (path, name), example in self._missing.items():
            yield self._missing_field(path, name), example
        for (_, path), sight in self._sights.items():
            yield self._difference(path, sight), sight.example

    def came(self) -> Came:
        """What came of the known fields that need not come."""
        fields = {
            _join(path, name): count == self._objects[path]
            for path, fields in self._fields.items()
            for name, count in fields.items()
            if name not in self._required[path]
        }
        return Came(
            frozenset(name for name, is_always in fields.items() if is_always),
            frozenset(name for name, is_always in fields.items() if not is_always),
            frozenset(self._objects),
        )

    def never(self, paths: Iterable[str]) -> set[str]:
        """Those of these fields that never came, though objects did that could have them."""
        came = {_join(path, name) for path, fields in self._fields.items() for name in fields}
        return {
            whole
            for whole in set(paths) - came
            if self._objects[parent_of(whole)]
            and _takes(self._views, self._schema, whole.split("."))
        }

    # -- one value

    def _value(self, schema: Any, value: Any, path: str, example: Any, depth: int) -> None:
        view = self._views.of(schema)
        if view.says_nothing or depth > MAX_DEPTH:
            return
        kind = type_of(value)
        if kind not in view.types:
            kit = describe_types(view.types)
            sight = self._see("response-type-changed", Impact.BREAKING, path, kit, example)
            sight.types.add(kind)
            return
        if view.enum is not None:
            text = json.dumps(value, sort_keys=True, ensure_ascii=False)
            if text not in view.enum:
                kit = " or ".join(sorted(view.enum))
                sight = self._see("response-values-changed", Impact.NOTICE, path, kit, example)
                sight.values.add(text)
        if isinstance(value, Mapping):
            self._object(schema, value, path, example, depth)
        elif isinstance(value, list):
            for item in value:
                self._value(view.items, item, f"{path}[]", example, depth + 1)

    def _object(
        self, schema: Any, value: Mapping[str, Any], path: str, example: Any, depth: int
    ) -> None:
        view = self._views.of(schema)
        self._objects[path] += 1
        known = self._fields.setdefault(path, Counter())
        required = self._required.get(path, view.required)
        self._required[path] = required & view.required
        for name in sorted(view.required - value.keys()):
            self._missing.setdefault((path, name), example)
        for name, member in value.items():
            if name in view.properties:
                known[name] += 1
                if name not in view.loose:
                    schema = view.properties[name]
                    self._value(schema, member, _join(path, name), example, depth + 1)
            elif isinstance(view.others, Mapping):
                self._value(view.others, member, _join(path, "*"), example, depth + 1)
            elif not view.is_open_map:
                where = _join(path, name)
                impact = Impact.BREAKING if view.others is False else Impact.ADDITION
                sight = self._see("response-field-added", impact, where, "no such field", example)
                sight.types.add(type_of(member))

    def _see(self, kind: str, impact: Impact, path: str, kit: str, example: Any) -> _Sight:
        sight = _Sight(kind, impact, kit, example=example)
        if len(self._sights) >= MAX_SIGHTS:
            return self._sights.get((kind, path), sight)
        return self._sights.setdefault((kind, path), sight)

    # -- in words

    def _missing_field(self, path: str, name: str) -> Difference:
        count, all_of_them = self._fields[path][name], self._objects[path]
        where = _join(path, name)
        if count:
            server = f"missing in {all_of_them - count} of {all_of_them}"
            notice = "it may be missing where it always came"
            return Difference(
                "response-field-optional", Impact.BREAKING, where, "required", server, notice
            )
        return Difference(
            "response-field-removed",
            Impact.BREAKING,
            where,
            "required",
            "never sent",
            "it no longer comes",
        )

    def _difference(self, path: str, sight: _Sight) -> Difference:
        came = describe_types(sight.types)
        if sight.kind == "response-field-added":
            notice = "it comes, and may be read"
        elif sight.kind == "response-type-changed":
            notice = f"{came} comes where {sight.kit} was read"
        else:
            came = ", ".join(sorted(sight.values)[:5])
            notice = f"{came} comes, which a client need not know"
        return Difference(sight.kind, sight.impact, path, sight.kit, came, notice)


def _takes(views: Views, schema: Any, parts: list[str]) -> bool:
    """Whether a schema names the field that a path leads to."""
    for part in parts:
        name, *lists = part.split("[]")
        if name:
            schema = views.of(schema).properties.get(name)
        for _ in lists:
            schema = views.of(schema).items
        if schema is None:
            return False
    return True


def parent_of(path: str) -> str:
    """The path of the object that a field is of."""
    return path.rpartition(".")[0]


def _join(path: str, name: str) -> str:
    """A member's path. `steps[].steps[]` is `steps[]`: what is within itself differs once."""
    if path == f"{name}[]" or path.endswith(f".{name}[]"):
        return path.removesuffix("[]")
    return f"{path}.{name}" if path else name
