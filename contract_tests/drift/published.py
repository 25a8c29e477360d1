"""What a server publishes, compared with the kit's document, operation by operation.

Operations are matched by method and path, whatever their parameters are called. What the server's
document leaves open is no difference: most of what the kit's says comes from an overlay, since the
published document says nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentos_contract.document import EVENT_STREAM, FORM, METHODS, Document, Operation
from agentos_contract.json_values import mapping
from contract_tests.drift.changes import Change, Difference, Impact, Source, at
from contract_tests.drift.schemas import Direction, SchemaComparison
from contract_tests.drift.views import TooInvolved, Views, describe_types

_PARAMETER = re.compile(r"\{[^}]*\}")
_SUCCESS = re.compile(r"2[0-9X][0-9X]")

Key = tuple[str, str]
"""Method, and path with its parameters' names left out."""


@dataclass(frozen=True)
class PublishedOperation:
    """One operation of the server's document."""

    method: str
    path: str
    item: Mapping[str, Any]
    """The path item, whose parameters hold for each of its operations."""
    definition: Mapping[str, Any]

    @property
    def title(self) -> str:
        return operation_title(self.method, self.path)


def operation_title(method: str, path: str) -> str:
    return f"{method.upper()} {path}"


def compare_published(kit: Document, server: Mapping[str, Any]) -> tuple[list[Change], list[str]]:
    """What differs, and what could not be compared and why."""
    return _Comparison(kit, server).all()


class _Comparison:
    def __init__(self, kit: Document, server: Mapping[str, Any]) -> None:
        self.kit = kit
        self.server = server
        self.kit_views = Views(kit.content)
        self.server_views = Views(server)

    def all(self) -> tuple[list[Change], list[str]]:
        published = dict(self._published())
        changes: list[Change] = []
        notes: list[str] = []
        known: set[Key] = set()
        for operation in self.kit.iter_operations():
            title = operation_title(operation.method, operation.path)
            key = _key(operation.method, operation.path)
            known.add(key)
            found = published.get(key)
            if found is None:
                changes.append(self._gone(operation, title, published))
                continue
            self.kit_views.renew()
            self.server_views.renew()
            try:
                changes += self._operation(operation, found, title)
            except TooInvolved as reason:
                notes.append(f"{title}: not compared: {reason}")
        changes += [self._new(one) for key, one in published.items() if key not in known]
        unresolved = sorted(self.server_views.unresolved)
        if unresolved:
            more = f" and {len(unresolved) - 3} others" if len(unresolved) > 3 else ""
            names = ", ".join(unresolved[:3])
            notes.append(f"not followed, and what they say not compared: $ref {names}{more}")
        return changes, notes

    def _published(self) -> Iterator[tuple[Key, PublishedOperation]]:
        for path, item in mapping(self.server.get("paths")).items():
            item = mapping(self.server_views.resolve(item))
            for method, definition in item.items():
                if method in METHODS and isinstance(definition, Mapping):
                    yield (
                        _key(method, str(path)),
                        PublishedOperation(method, str(path), item, definition),
                    )

    # -- whole operations

    def _gone(
        self, operation: Operation, title: str, published: Mapping[Key, PublishedOperation]
    ) -> Change:
        moved = [
            other.title
            for other in published.values()
            if other.definition.get("operationId") == operation.operation_id
        ]
        server = f"it is {moved[0]} now" if moved else "no such operation"
        notice = "who calls it gets an error"
        difference = Difference(
            "operation-removed", Impact.BREAKING, "", "an operation", server, notice
        )
        return at(difference, Source.PUBLISHED, title, "")

    def _new(self, operation: PublishedOperation) -> Change:
        name = operation.definition.get("summary") or operation.definition.get("operationId")
        server = str(name) if name else "an operation"
        difference = Difference(
            "operation-added", Impact.ADDITION, "", "no such operation", server, "it may be called"
        )
        return at(difference, Source.PUBLISHED, operation.title, "")

    def _operation(
        self, kit: Operation, server: PublishedOperation, title: str
    ) -> Iterator[Change]:
        def published(part: str, *differences: Difference) -> Iterator[Change]:
            for difference in differences:
                yield at(difference, Source.PUBLISHED, title, part)

        item = mapping(self.kit.content["paths"][kit.path])
        mine = self._parameters(self.kit_views, item, kit.definition)
        theirs = self._parameters(self.server_views, server.item, server.definition)
        yield from published("request", *self._compare_parameters(mine, theirs))
        yield from published("request", *self._compare_bodies(kit.definition, server.definition))
        yield from published("request", *self._compare_security(kit, server))
        if server.definition.get("deprecated") is True and not kit.definition.get("deprecated"):
            notice = "a later release may not have it"
            deprecated = ("deprecated", Impact.NOTICE, "", "an operation", "deprecated", notice)
            yield from published("", Difference(*deprecated))
        ours = mapping(kit.definition.get("responses"))
        others = mapping(server.definition.get("responses"))
        yield from published("", *self._compare_statuses(ours, others))
        for status in ours:
            if status in others:
                answers = (
                    _content(self.kit_views.resolve(ours[status])),
                    _content(self.server_views.resolve(others[status])),
                )
                yield from published(str(status), *self._compare_answers(*answers))

    # -- requests

    def _parameters(
        self, views: Views, item: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> dict[tuple[str, str], Mapping[str, Any]]:
        """By where and name; those of the path are left out, as their names say nothing."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for source in (item, definition):
            listed = source.get("parameters")
            for one in listed if isinstance(listed, list) else ():
                one = mapping(views.resolve(one))
                where, name = str(one.get("in")), str(one.get("name"))
                if where in ("query", "header", "cookie"):
                    found[where, name.lower() if where == "header" else name] = one
        return found

    def _compare_parameters(
        self,
        kit: Mapping[tuple[str, str], Mapping[str, Any]],
        server: Mapping[tuple[str, str], Mapping[str, Any]],
    ) -> Iterator[Difference]:
        comparison = self._comparison(Direction.REQUEST, has_null=False)
        for key, mine in kit.items():
            where = " ".join(key)
            theirs = server.get(key)
            if theirs is None:
                kind, notice = "request-parameter-removed", "it is no longer read"
                said = "no such parameter"
                yield Difference(kind, Impact.NOTICE, where, "a parameter", said, notice)
                continue
            yield from _compare_required(mine, theirs, where)
            yield from comparison.compare(mine.get("schema"), theirs.get("schema"), where)
        for key, theirs in server.items():
            if key not in kit:
                yield self._added_parameter(theirs, " ".join(key))

    def _added_parameter(self, parameter: Mapping[str, Any], where: str) -> Difference:
        server = describe_types(self.server_views.of(parameter.get("schema")).types)
        if parameter.get("required") is True:
            impact, notice = Impact.BREAKING, "who does not send it is refused now"
            server = f"{server}, required"
        else:
            impact, notice = Impact.ADDITION, "it may be sent"
        kind = "request-parameter-added"
        return Difference(kind, impact, where, "no such parameter", server, notice)

    def _compare_bodies(
        self, kit: Mapping[str, Any], server: Mapping[str, Any]
    ) -> Iterator[Difference]:
        mine = mapping(self.kit_views.resolve(kit.get("requestBody")))
        theirs = mapping(self.server_views.resolve(server.get("requestBody")))
        ours, others = _content(mine), _content(theirs)
        if mine and theirs:
            yield from _compare_required(mine, theirs, "")
        elif theirs and theirs.get("required") is True:
            said, notice = "a body, required", "who sends none is refused now"
            yield Difference("request-body-added", Impact.BREAKING, "", "no body", said, notice)
        for media_type, media in ours.items():
            if media_type not in others:
                if others:
                    yield _media_type(Impact.BREAKING, "removed", "request", media_type, others)
                continue
            comparison = self._comparison(Direction.REQUEST, has_null=media_type != FORM)
            schemas = (media.get("schema"), others[media_type].get("schema"))
            yield from comparison.compare(*schemas)
        for media_type in others:
            if ours and media_type not in ours:
                yield _media_type(Impact.ADDITION, "added", "request", media_type, ours)

    def _compare_security(self, kit: Operation, server: PublishedOperation) -> Iterator[Difference]:
        mine = kit.definition.get("security", self.kit.content.get("security"))
        theirs = server.definition.get("security", self.server.get("security"))
        if _demands(theirs) and not _demands(mine):
            notice = "who sends no token is refused now"
            said = "a token is asked for"
            yield Difference("token-demanded", Impact.BREAKING, "", "open to all", said, notice)

    # -- answers

    def _compare_statuses(
        self, kit: Mapping[str, Any], server: Mapping[str, Any]
    ) -> Iterator[Difference]:
        for status in kit:
            if status in server or _SUCCESS.fullmatch(status) is None:
                continue
            said = ", ".join(sorted(map(str, server))) or "no status"
            notice = "who waits for that status does not get it"
            yield Difference("status-removed", Impact.BREAKING, status, status, said, notice)
        for status in map(str, server):
            if status not in kit and status != "default":
                said = ", ".join(sorted(kit))
                notice = "it may come, and a client need not know it"
                yield Difference("status-added", Impact.NOTICE, status, said, status, notice)

    def _compare_answers(
        self, kit: Mapping[str, Mapping[str, Any]], server: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Difference]:
        comparison = self._comparison(Direction.RESPONSE)
        for media_type, media in kit.items():
            if media_type in server:
                if media_type != EVENT_STREAM:
                    theirs = server[media_type].get("schema")
                    yield from comparison.compare(media.get("schema"), theirs)
            elif server:
                yield _media_type(Impact.BREAKING, "removed", "response", media_type, server)
        for media_type in server:
            if kit and media_type not in kit:
                yield _media_type(Impact.NOTICE, "added", "response", media_type, kit)

    def _comparison(self, direction: Direction, *, has_null: bool = True) -> SchemaComparison:
        return SchemaComparison(self.kit_views, self.server_views, direction, has_null)


def _compare_required(
    kit: Mapping[str, Any], server: Mapping[str, Any], where: str
) -> Iterator[Difference]:
    """Of a parameter or a body."""
    was, is_now = kit.get("required") is True, server.get("required") is True
    what = "parameter" if where else "body"
    if is_now and not was:
        kind, notice = f"request-{what}-required", "who leaves it out is refused now"
        yield Difference(kind, Impact.BREAKING, where, "optional", "required", notice)
    elif was and not is_now:
        kind, notice = f"request-{what}-optional", "it may be left out"
        yield Difference(kind, Impact.ADDITION, where, "required", "optional", notice)


def _media_type(
    impact: Impact, how: str, direction: str, media_type: str, others: Mapping[str, Any]
) -> Difference:
    listed = ", ".join(map(str, others)) or "none"
    kit, server = (media_type, listed) if how == "removed" else (listed, media_type)
    notices = {
        ("request", "removed"): "who sends it is refused now",
        ("request", "added"): "it may be sent, too",
        ("response", "removed"): "who reads it gets something else",
        ("response", "added"): "it may come, where it is asked for",
    }
    kind = f"{direction}-media-type-{how}"
    return Difference(kind, impact, media_type, kit, server, notices[direction, how])


def _demands(security: Any) -> bool:
    """Whether a list of alternatives asks for something in each of them."""
    return isinstance(security, list) and bool(security) and all(security)


def _content(part: Any) -> dict[str, Mapping[str, Any]]:
    """Media types with what is said of them, in lower case and without parameters."""
    return {
        str(name).partition(";")[0].strip().lower(): mapping(media)
        for name, media in mapping(mapping(part).get("content")).items()
    }


def _key(method: str, path: str) -> Key:
    return method, _PARAMETER.sub("{}", path).rstrip("/") or "/"
