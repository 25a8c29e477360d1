"""Values that came, compared with the kit's schemas: in structure, never in content.

Values of one part (an event's name, an answer's status) are taken together: a field that is new is
told once, with all the types that it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.json_values import canonical
from contract_tests.drift.changes import BREAKING, Change, Impact, change
from contract_tests.drift.views import View, Views, describe_types, join, type_of
from contract_tests.target.exchange import Exchange

MAX_DEPTH = 32
"""Members within members that are compared."""

MAX_DIFFERENCES = 200
"""Of one part: a server may make up names without end."""


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


@dataclass
class _Difference:
    """Something that differs, in all that came."""

    kit: str
    example: Exchange | None
    """Where the first value that differs so came."""
    impact: Impact | None
    came: set[str] = field(default_factory=set)
    """The types, or the values, that show it."""


@dataclass
class _Objects:
    """The objects that came at one place."""

    known: set[str] = field(default_factory=set)
    """Fields that the kit names."""
    required: frozenset[str] | None = None
    """Those that the kit requires of each."""
    count: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    """How many of them had a field that the kit names."""
    lacking: dict[str, Exchange | None] = field(default_factory=dict)
    """Required fields that one of them had not, with the first answer that had it."""


class ValueComparison:
    """The values of one part beside their schema."""

    def __init__(self, views: Views, schema: Any) -> None:
        self._views = views
        self._schema = schema
        self._differences: dict[tuple[str, str], _Difference] = {}
        """By kind and path."""
        self._objects: dict[str, _Objects] = {}
        """By path."""

    def add(self, value: Any, example: Exchange | None = None) -> None:
        """One more value, and where it came."""
        self._value(self._schema, value, "", example, 0)

    def changes(self) -> Iterator[Change]:
        """What differs."""
        for path, objects in self._objects.items():
            for name, example in objects.lacking.items():
                kind, server = "response-field-removed", "never sent"
                if objects.fields[name]:
                    kind = "response-field-optional"
                    missing = objects.count - objects.fields[name]
                    server = f"missing in {missing} of {objects.count}"
                yield change(kind, join(path, name), "required", server, reproduce=_curl(example))
        for (kind, path), found in self._differences.items():
            notice = ""
            if kind == "response-values-changed":
                came = ", ".join(sorted(found.came)[:5])
            else:
                came = describe_types(found.came)
            if kind == "response-type-changed":
                notice = f"{came} comes where {found.kit} was read"
            yield change(kind, path, found.kit, came, found.impact, notice, _curl(found.example))

    def came(self) -> Came:
        """What came of the known fields that need not come."""
        always: set[str] = set()
        sometimes: set[str] = set()
        for path, objects in self._objects.items():
            for name, count in objects.fields.items():
                if name not in (objects.required or ()):
                    among = always if count == objects.count else sometimes
                    among.add(join(path, name))
        return Came(frozenset(always - sometimes), frozenset(sometimes), frozenset(self._objects))

    def never(self, paths: Iterable[str]) -> set[str]:
        """Those of these fields that never came, though objects did that could have them."""
        came: set[str] = set()
        could: set[str] = set()
        for path, objects in self._objects.items():
            came |= {join(path, name) for name in objects.fields}
            could |= {join(path, name) for name in objects.known}
        return (set(paths) & could) - came

    # -- one value

    def _value(
        self, schema: Any, value: Any, path: str, example: Exchange | None, depth: int
    ) -> None:
        view = self._views.of(schema)
        if view.says_nothing or depth > MAX_DEPTH:
            return
        kind = type_of(value)
        if kind not in view.types:
            kit = describe_types(view.types)
            self._differ("response-type-changed", path, kit, kind, example)
            return
        if view.enum is not None and (text := canonical(value)) not in view.enum:
            kit = " or ".join(sorted(view.enum))
            self._differ("response-values-changed", path, kit, text, example)
        if isinstance(value, Mapping):
            self._object(view, value, path, example, depth)
        elif isinstance(value, list):
            for item in value:
                self._value(view.items, item, f"{path}[]", example, depth + 1)

    def _object(
        self, view: View, value: Mapping[str, Any], path: str, example: Exchange | None, depth: int
    ) -> None:
        objects = self._objects.setdefault(path, _Objects())
        objects.count += 1
        objects.known |= view.properties.keys()
        required = view.required if objects.required is None else objects.required & view.required
        objects.required = required
        for name in sorted(view.required - value.keys()):
            objects.lacking.setdefault(name, example)
        for name, member in value.items():
            where = join(path, name)
            if name in view.properties:
                objects.fields[name] += 1
                if name not in view.loose:
                    self._value(view.properties[name], member, where, example, depth + 1)
            elif isinstance(view.others, Mapping):
                self._value(view.others, member, join(path, "*"), example, depth + 1)
            elif not view.is_open_map:
                impact = BREAKING if view.others is False else None
                kind, kit = "response-field-added", "no such field"
                self._differ(kind, where, kit, type_of(member), example, impact)

    def _differ(
        self,
        kind: str,
        path: str,
        kit: str,
        came: str,
        example: Exchange | None,
        impact: Impact | None = None,
    ) -> None:
        key = (kind, path)
        if key not in self._differences and len(self._differences) < MAX_DIFFERENCES:
            self._differences[key] = _Difference(kit, example, impact)
        if key in self._differences:
            self._differences[key].came.add(came)


def _curl(exchange: Exchange | None) -> str:
    return exchange.curl if exchange is not None else ""


def parent_of(path: str) -> str:
    """The path of the object that a field is of."""
    return path.rpartition(".")[0]
