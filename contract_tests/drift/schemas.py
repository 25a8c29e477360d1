"""Two schemas compared, by the direction in which the value goes.

What a client *sends* must still be taken: where the server's schema allows less, it breaks. What it
*reads* must still be what it was: where the server's allows more, it breaks. So the same difference
is an addition one way and a break the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from contract_tests.drift.changes import Difference, Impact
from contract_tests.drift.views import (
    BOUNDS,
    LOWER,
    TYPES,
    UPPER,
    View,
    Views,
    describe_types,
)

MAX_DEPTH = 16
"""Members within members that are compared."""


class Direction(Enum):
    """Which way a value goes; its name in the kinds of differences."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass
class SchemaComparison:
    """The kit's schemas beside a server's."""

    kit: Views
    server: Views
    direction: Direction
    has_null: bool = True
    """False for forms and queries, which have no way to write null."""

    def compare(self, kit: Any, server: Any, path: str = "") -> Iterator[Difference]:
        """What differs, the outer first. Raises views.TooInvolved."""
        yield from self._compare(kit, server, path, ())

    def _compare(
        self, kit: Any, server: Any, path: str, above: tuple[tuple[str, str], ...]
    ) -> Iterator[Difference]:
        pair = (_key(kit), _key(server))
        if pair in above or len(above) >= MAX_DEPTH:
            return  # a cycle: what it says was said above
        ours, theirs = self._view(self.kit, kit), self._view(self.server, server)
        if ours.says_nothing or theirs.says_nothing:
            # Who says nothing of an answer promises nothing else. A request that may be anything
            # takes what it took.
            if self.direction is Direction.REQUEST and not theirs.says_nothing:
                yield self._type(Impact.BREAKING, "narrowed", path, ours, theirs)
            return
        yield from self._types(ours, theirs, path)
        shared = (ours.types & theirs.types) - {"null"}
        if not shared:
            return
        yield from self._values(ours, theirs, path)
        yield from self._bounds(ours, theirs, path)
        yield from self._default(ours, theirs, path)
        above = (*above, pair)
        if "object" in shared:
            yield from self._properties(ours, theirs, path, above)
        if "array" in shared:
            yield from self._compare(ours.items, theirs.items, f"{path}[]", above)

    # -- parts

    def _view(self, views: Views, schema: Any) -> View:
        view = views.of(schema)
        if self.has_null or view.types == TYPES:
            return view
        enum = view.enum - {"null"} if view.enum is not None else None
        return replace(view, types=view.types - {"null"}, enum=enum)

    def _kind(self, what: str) -> str:
        return f"{self.direction.value}-{what}"

    def _types(self, ours: View, theirs: View, path: str) -> Iterator[Difference]:
        more, less = theirs.types - ours.types, ours.types - theirs.types
        if self.direction is Direction.RESPONSE:
            if more:
                yield self._type(Impact.BREAKING, "changed", path, ours, theirs)
        elif less:
            yield self._type(Impact.BREAKING, "narrowed", path, ours, theirs)
        elif more:
            yield self._type(Impact.ADDITION, "widened", path, ours, theirs)

    def _type(self, impact: Impact, how: str, path: str, ours: View, theirs: View) -> Difference:
        kit, server = describe_types(ours.types), describe_types(theirs.types)
        if impact is Impact.ADDITION:
            notice = f"it takes {describe_types(theirs.types - ours.types)}, too"
        elif self.direction is Direction.REQUEST:
            notice = f"{describe_types(ours.types - theirs.types)} is refused now"
        else:
            notice = f"{describe_types(theirs.types - ours.types)} may come where {kit} was read"
        return Difference(self._kind(f"type-{how}"), impact, path, kit, server, notice)

    def _values(self, ours: View, theirs: View, path: str) -> Iterator[Difference]:
        if ours.enum == theirs.enum:
            return
        kit, server = _describe_values(ours), _describe_values(theirs)
        if self.direction is Direction.REQUEST:
            if theirs.enum is None:
                impact, notice = Impact.ADDITION, "it takes other values, too"
            elif ours.enum is None or ours.enum - theirs.enum:
                gone = ", ".join(sorted((ours.enum or frozenset()) - theirs.enum))
                impact, notice = Impact.BREAKING, f"{gone or 'any other value'} is refused now"
            else:
                more = ", ".join(sorted(theirs.enum - ours.enum))
                impact, notice = Impact.ADDITION, f"it takes {more}, too"
        elif ours.enum is None or (theirs.enum is not None and theirs.enum <= ours.enum):
            return  # it promises more than it did
        else:
            more = ", ".join(sorted(theirs.enum - ours.enum)) if theirs.enum else "any value"
            impact, notice = Impact.NOTICE, f"{more} may come, which a client need not know"
        yield Difference(self._kind("values-changed"), impact, path, kit, server, notice)

    def _bounds(self, ours: View, theirs: View, path: str) -> Iterator[Difference]:
        for keyword in BOUNDS:
            mine, other = ours.bounds.get(keyword), theirs.bounds.get(keyword)
            if mine == other:
                continue
            is_looser = _is_looser(keyword, mine, other)
            kit, server = (_bound(keyword, value) for value in (mine, other))
            if self.direction is Direction.REQUEST:
                if is_looser:
                    impact, notice = Impact.ADDITION, "it takes more values"
                else:
                    impact, notice = Impact.BREAKING, "values that were taken are refused now"
            elif is_looser or (mine is not None and keyword not in LOWER | UPPER):
                impact, notice = Impact.NOTICE, "values may come that could not before"
            else:
                continue
            yield Difference(self._kind("bound-changed"), impact, path, kit, server, notice)

    def _default(self, ours: View, theirs: View, path: str) -> Iterator[Difference]:
        is_request = self.direction is Direction.REQUEST
        if not is_request or ours.default in (None, theirs.default):
            return
        kit, server = f"default {ours.default}", f"default {theirs.default or 'unsaid'}"
        impact = Impact.BREAKING if theirs.default is not None else Impact.NOTICE
        notice = "who leaves it out may get something else"
        yield Difference(self._kind("default-changed"), impact, path, kit, server, notice)

    def _properties(
        self, ours: View, theirs: View, path: str, above: tuple[tuple[str, str], ...]
    ) -> Iterator[Difference]:
        if ours.is_open_map and theirs.is_open_map:
            yield from self._compare(ours.others, theirs.others, f"{path}.*".lstrip("."), above)
            return
        is_response = self.direction is Direction.RESPONSE
        if (ours.is_open_map and is_response) or (
            theirs.is_open_map and theirs.others is not False
        ):
            return  # it does not name its properties: they may all be those of the other
        for name, schema in ours.properties.items():
            where = f"{path}.{name}".lstrip(".")
            if name in theirs.properties:
                yield from self._required(ours, theirs, name, where)
                yield from self._compare(schema, theirs.properties[name], where, above)
            else:
                yield self._removed(ours, theirs, name, where)
        for name in theirs.properties:
            if name not in ours.properties:
                yield self._added(ours, theirs, name, f"{path}.{name}".lstrip("."))
        closed, opened = (theirs, ours) if not is_response else (ours, theirs)
        if closed.others is False and opened.others is not False:
            kit, server = (
                "no other fields" if view.others is False else "any other fields"
                for view in (ours, theirs)
            )
            notice = "others may come" if is_response else "others are refused now"
            kind = self._kind("other-fields")
            yield Difference(kind, Impact.NOTICE, path, kit, server, notice)

    def _required(self, ours: View, theirs: View, name: str, path: str) -> Iterator[Difference]:
        was, is_now = name in ours.required, name in theirs.required
        if was == is_now:
            return
        kit, server = ("required" if one else "optional" for one in (was, is_now))
        if self.direction is Direction.REQUEST:
            if is_now:
                impact, notice = Impact.BREAKING, "who leaves it out is refused now"
            else:
                impact, notice = Impact.ADDITION, "it may be left out"
        elif was:
            impact, notice = Impact.BREAKING, "it may be missing where it always came"
        else:
            return  # it promises more than it did
        kind = self._kind("field-required" if is_now else "field-optional")
        yield Difference(kind, impact, path, kit, server, notice)

    def _removed(self, ours: View, theirs: View, name: str, path: str) -> Difference:
        is_required = name in ours.required
        kit = describe_types(self.kit.of(ours.properties[name]).types)
        kit = f"{kit}, {'required' if is_required else 'optional'}"
        impact = Impact.BREAKING
        if self.direction is Direction.RESPONSE and is_required:
            notice = "it no longer comes"
        elif self.direction is Direction.RESPONSE:
            impact, notice = Impact.NOTICE, "it no longer comes; it need not have come before"
        elif theirs.others is False:
            notice = "who sends it is refused now"
        else:
            impact, notice = Impact.NOTICE, "it is no longer read"
        return Difference(self._kind("field-removed"), impact, path, kit, "no such field", notice)

    def _added(self, ours: View, theirs: View, name: str, path: str) -> Difference:
        server = describe_types(self.server.of(theirs.properties[name]).types)
        if self.direction is Direction.REQUEST and name in theirs.required:
            impact, notice = Impact.BREAKING, "who does not send it is refused now"
            server = f"{server}, required"
        elif self.direction is Direction.REQUEST:
            impact, notice = Impact.ADDITION, "it may be sent"
        elif ours.others is False:
            impact, notice = Impact.BREAKING, "it comes where the kit allows no other field"
        else:
            impact, notice = Impact.ADDITION, "it may come, and may be read"
        return Difference(self._kind("field-added"), impact, path, "no such field", server, notice)


def _is_looser(keyword: str, mine: Any, other: Any) -> bool:
    """Whether `other` allows what `mine` does, and more."""
    if other is None:
        return True
    if mine is None:
        return False
    if keyword in LOWER:
        return bool(other < mine)
    return bool(other > mine) if keyword in UPPER else False


def _bound(keyword: str, value: Any) -> str:
    return f"no {keyword}" if value is None else f"{keyword} {json.dumps(value)}"


def _describe_values(view: View) -> str:
    if view.enum is None:
        return f"any {describe_types(view.types)}" if view.types != TYPES else "anything"
    return " or ".join(sorted(view.enum))


def _key(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True, default=str)
