"""Two views compared, by the direction in which the value goes.

What a client *sends* must still be taken: where the server's schema allows less, it breaks. What it
*reads* must still be what it was: where the server's allows more, it breaks. So the same difference
is an addition one way and a break the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

from agentos_contract.json_values import canonical
from contract_tests.drift.changes import ADDITION, BREAKING, NOTICE, Change, change
from contract_tests.drift.views import (
    BOUNDS,
    LOWER,
    TYPES,
    UPPER,
    View,
    Views,
    describe_types,
    join,
)

MAX_DEPTH = 16
"""Members within members that are compared."""

Above = tuple[tuple[str, str], ...]


class Direction(Enum):
    """Which way a value goes; its name in the kinds of differences."""

    REQUEST = "request"
    RESPONSE = "response"


class SchemaComparison:
    """The kit's schemas beside a server's."""

    def __init__(
        self, kit: Views, server: Views, direction: Direction, *, has_null: bool = True
    ) -> None:
        """`has_null` is False for forms and queries, which have no way to write null."""
        self.kit = kit
        self.server = server
        self.is_response = direction is Direction.RESPONSE
        self._direction = direction.value
        self._has_null = has_null

    def compare(self, kit: Any, server: Any, path: str = "", above: Above = ()) -> Iterator[Change]:
        """What differs, the outer first. Raises views.TooInvolved."""
        pair = (canonical(kit), canonical(server))
        if pair in above or len(above) >= MAX_DEPTH:
            return  # a cycle: what it says was said above
        ours, theirs = self._view(self.kit, kit), self._view(self.server, server)
        if ours.says_nothing or theirs.says_nothing:
            # Who says nothing of an answer promises nothing else. A request that may be anything
            # takes what it took.
            if not self.is_response and not theirs.says_nothing:
                yield from self._types(ours, theirs, path)
            return
        yield from self._types(ours, theirs, path)
        shared = (ours.types & theirs.types) - {"null"}
        if not shared:
            return
        yield from self._values(ours, theirs, path)
        yield from self._bounds(ours, theirs, path)
        above = (*above, pair)
        if "object" in shared:
            yield from self._fields(ours, theirs, path, above)
        if "array" in shared:
            yield from self.compare(ours.items, theirs.items, f"{path}[]", above)

    def _view(self, views: Views, schema: Any) -> View:
        view = views.of(schema)
        if self._has_null or view.types == TYPES:
            return view
        enum = view.enum - {"null"} if view.enum is not None else None
        return replace(view, types=view.types - {"null"}, enum=enum)

    # -- one level

    def _types(self, ours: View, theirs: View, path: str) -> Iterator[Change]:
        more, less = theirs.types - ours.types, ours.types - theirs.types
        kit, server = describe_types(ours.types), describe_types(theirs.types)
        if self.is_response:
            if more:
                notice = f"{describe_types(more)} may come where {kit} was read"
                yield change("response-type-changed", path, kit, server, notice=notice)
        elif less:
            notice = f"{describe_types(less)} is refused now"
            yield change("request-type-narrowed", path, kit, server, notice=notice)
        elif more:
            notice = f"it takes {describe_types(more)}, too"
            yield change("request-type-widened", path, kit, server, notice=notice)

    def _values(self, ours: View, theirs: View, path: str) -> Iterator[Change]:
        mine, other = ours.enum, theirs.enum
        kit, server = _describe_values(ours), _describe_values(theirs)
        if mine == other:
            return
        if self.is_response:
            if mine is not None and (other is None or other - mine):
                yield change("response-values-changed", path, kit, server)
        elif other is not None and (mine is None or mine - other):
            yield change("request-values-changed", path, kit, server)
        else:
            notice = "it takes other values, too"
            yield change("request-values-changed", path, kit, server, ADDITION, notice)

    def _bounds(self, ours: View, theirs: View, path: str) -> Iterator[Change]:
        """Of lengths, numbers and patterns; and of a default, which binds the server."""
        for keyword in BOUNDS:
            mine, other = ours.bounds.get(keyword), theirs.bounds.get(keyword)
            if mine == other:
                continue
            is_looser = _is_looser(keyword, mine, other)
            kit, server = (_bound(keyword, value) for value in (mine, other))
            if self.is_response:
                if is_looser or (mine is not None and keyword not in LOWER | UPPER):
                    yield change("response-bound-changed", path, kit, server)
            elif is_looser:
                notice = "it takes more values"
                yield change("request-bound-changed", path, kit, server, ADDITION, notice)
            else:
                yield change("request-bound-changed", path, kit, server)
        if not self.is_response and ours.default not in (None, theirs.default):
            kit, server = f"default {ours.default}", f"default {theirs.default or 'unsaid'}"
            impact = BREAKING if theirs.default is not None else NOTICE
            yield change("request-default-changed", path, kit, server, impact)

    def _fields(self, ours: View, theirs: View, path: str, above: Above) -> Iterator[Change]:
        if ours.is_open_map and theirs.is_open_map:
            yield from self.compare(ours.others, theirs.others, join(path, "*"), above)
            return
        if (ours.is_open_map and self.is_response) or (
            theirs.is_open_map and theirs.others is not False
        ):
            return  # it does not name its properties: they may all be those of the other
        for name, schema in ours.properties.items():
            where = join(path, name)
            if name in theirs.properties:
                yield from self._required(ours, theirs, name, where)
                yield from self.compare(schema, theirs.properties[name], where, above)
            else:
                yield self._removed(ours, theirs, name, where)
        for name in theirs.properties:
            if name not in ours.properties:
                yield self._added(ours, theirs, name, join(path, name))
        closed, opened = (ours, theirs) if self.is_response else (theirs, ours)
        if closed.others is False and opened.others is not False:
            kit, server = (
                "no other fields" if view.others is False else "any other fields"
                for view in (ours, theirs)
            )
            yield change(f"{self._direction}-other-fields", path, kit, server)

    def _required(self, ours: View, theirs: View, name: str, path: str) -> Iterator[Change]:
        was, is_now = name in ours.required, name in theirs.required
        if is_now and not was and not self.is_response:
            yield change("request-field-required", path, "optional", "required")
        if was and not is_now:
            yield change(f"{self._direction}-field-optional", path, "required", "optional")

    def _removed(self, ours: View, theirs: View, name: str, path: str) -> Change:
        is_required = name in ours.required
        kit = describe_types(self.kit.of(ours.properties[name]).types)
        kit = f"{kit}, {'required' if is_required else 'optional'}"
        impact, notice = None, ""
        if self.is_response and not is_required:
            impact, notice = NOTICE, "it no longer comes; it need not have come before"
        elif not self.is_response and theirs.others is False:
            impact, notice = BREAKING, "who sends it is refused now"
        kind = f"{self._direction}-field-removed"
        return change(kind, path, kit, "no such field", impact, notice)

    def _added(self, ours: View, theirs: View, name: str, path: str) -> Change:
        server = describe_types(self.server.of(theirs.properties[name]).types)
        impact, notice = None, ""
        if self.is_response and ours.others is False:
            impact, notice = BREAKING, "it comes where the kit allows no other field"
        elif not self.is_response and name in theirs.required:
            impact, notice = BREAKING, "who does not send it is refused now"
            server = f"{server}, required"
        kind = f"{self._direction}-field-added"
        return change(kind, path, "no such field", server, impact, notice)


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
