"""What a server publishes, compared with the kit's document, operation by operation.

Operations are matched by method and path, whatever their parameters are called. What the server's
document leaves open is no difference: most of what the kit's says comes from an overlay, since the
published document says nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentos_contract.document import EVENT_STREAM, FORM, METHODS, Document
from agentos_contract.json_values import mapping
from contract_tests.drift.changes import BREAKING, Change, Source, change
from contract_tests.drift.schemas import Direction, SchemaComparison
from contract_tests.drift.views import TooInvolved, Views, describe_types

_PARAMETER = re.compile(r"\{[^}]*\}")
_SUCCESS = re.compile(r"2[0-9X][0-9X]")

Json = Mapping[str, Any]
Key = tuple[str, str]
"""Method, and path with its parameters' names left out."""


def operation_title(method: str, path: str) -> str:
    return f"{method.upper()} {path}"


@dataclass(frozen=True)
class _Published:
    """One operation of a document, with its references resolved one level deep."""

    views: Views
    title: str
    definition: Json
    item: Json
    """The path item, whose parameters hold for each of its operations."""
    security: Any

    @property
    def parameters(self) -> dict[str, Json]:
        """By where and name; those of the path are left out, as their names say nothing."""
        found: dict[str, Json] = {}
        for source in (self.item, self.definition):
            listed = source.get("parameters")
            for one in listed if isinstance(listed, list) else ():
                one = mapping(self.views.resolve(one))
                where, name = str(one.get("in")), str(one.get("name"))
                if where in ("query", "header", "cookie"):
                    found[f"{where} {name.lower() if where == 'header' else name}"] = one
        return found

    @property
    def body(self) -> Json:
        return mapping(self.views.resolve(self.definition.get("requestBody")))

    @property
    def responses(self) -> dict[str, Json]:
        return {
            str(status): mapping(self.views.resolve(response))
            for status, response in mapping(self.definition.get("responses")).items()
        }


def compare_published(kit: Document, server: Json) -> tuple[list[Change], list[str]]:
    """What differs, and what could not be compared and why."""
    ours, theirs = Views(kit.content), Views(server)
    mine, published = dict(_operations(ours, kit.content)), dict(_operations(theirs, server))
    changes: list[Change] = []
    notes: list[str] = []
    for key, operation in mine.items():
        if key not in published:
            changes.append(_gone(operation, published.values()))
            continue
        ours.renew()
        theirs.renew()
        try:
            changes += _compare(operation, published[key])
        except TooInvolved as reason:
            notes.append(f"{operation.title}: not compared: {reason}")
    for key, operation in published.items():
        if key not in mine:
            definition = operation.definition
            said = definition.get("summary") or definition.get("operationId") or "an operation"
            new = change("operation-added", "", "no such operation", said)
            changes.append(new.at(Source.PUBLISHED, operation.title, ""))
    if unresolved := sorted(theirs.unresolved):
        more = f" and {len(unresolved) - 3} others" if len(unresolved) > 3 else ""
        names = ", ".join(unresolved[:3])
        notes.append(f"not followed, and what they say not compared: $ref {names}{more}")
    return changes, notes


def _operations(views: Views, document: Json) -> Iterator[tuple[Key, _Published]]:
    for path, item in mapping(document.get("paths")).items():
        item = mapping(views.resolve(item))
        for method, definition in item.items():
            if method in METHODS and isinstance(definition, Mapping):
                security = definition.get("security", document.get("security"))
                title = operation_title(method, str(path))
                key = (method, _PARAMETER.sub("{}", str(path)).rstrip("/") or "/")
                yield key, _Published(views, title, definition, item, security)


def _gone(kit: _Published, published: Iterable[_Published]) -> Change:
    operation_id = kit.definition.get("operationId")
    moved = [one.title for one in published if one.definition.get("operationId") == operation_id]
    server = f"it is {moved[0]} now" if moved else "no such operation"
    return change("operation-removed", "", "an operation", server).at(
        Source.PUBLISHED, kit.title, ""
    )


def _compare(kit: _Published, server: _Published) -> Iterator[Change]:
    """One operation that both have."""
    parts: dict[str, list[Change]] = {
        "request": [*_parameters(kit, server), *_bodies(kit, server)],
        "": list(_statuses(kit, server)),
    }
    if _demands(server.security) and not _demands(kit.security):
        parts["request"].append(change("token-demanded", "", "open to all", "a token is asked for"))
    if server.definition.get("deprecated") is True and not kit.definition.get("deprecated"):
        parts[""].append(change("deprecated", "", "an operation", "deprecated"))
    for status, mine, theirs in _both(kit.responses, server.responses):
        parts[status] = list(_answers(kit.views, server.views, mine, theirs))
    for part, changes in parts.items():
        for one in changes:
            yield one.at(Source.PUBLISHED, kit.title, part)


# -- requests


def _parameters(kit: _Published, server: _Published) -> Iterator[Change]:
    comparison = SchemaComparison(kit.views, server.views, Direction.REQUEST, has_null=False)
    ours, others = kit.parameters, server.parameters
    for where, mine in ours.items():
        if where not in others:
            yield change("request-parameter-removed", where, "a parameter", "no such parameter")
            continue
        yield from _required("parameter", mine, others[where], where)
        yield from comparison.compare(mine.get("schema"), others[where].get("schema"), where)
    for where, theirs in others.items():
        if where not in ours:
            said = describe_types(server.views.of(theirs.get("schema")).types)
            impact, notice = None, ""
            if theirs.get("required") is True:
                impact, notice = BREAKING, "who does not send it is refused now"
                said = f"{said}, required"
            kind = "request-parameter-added"
            yield change(kind, where, "no such parameter", said, impact, notice)


def _bodies(kit: _Published, server: _Published) -> Iterator[Change]:
    ours, others = _content(kit.body), _content(server.body)
    if kit.body and server.body:
        yield from _required("body", kit.body, server.body, "")
    elif server.body.get("required") is True:
        yield change("request-body-added", "", "no body", "a body, required")
    yield from _media_types("request", ours, others)
    for media_type, mine, theirs in _both(ours, others):
        has_null = media_type != FORM
        comparison = SchemaComparison(kit.views, server.views, Direction.REQUEST, has_null=has_null)
        yield from comparison.compare(mine.get("schema"), theirs.get("schema"))


def _required(what: str, kit: Json, server: Json, where: str) -> Iterator[Change]:
    """Of a parameter or a body."""
    was, is_now = kit.get("required") is True, server.get("required") is True
    if is_now and not was:
        yield change(f"request-{what}-required", where, "optional", "required")
    elif was and not is_now:
        yield change(f"request-{what}-optional", where, "required", "optional")


def _demands(security: Any) -> bool:
    """Whether a list of alternatives asks for something in each of them."""
    return isinstance(security, list) and bool(security) and all(security)


# -- answers


def _statuses(kit: _Published, server: _Published) -> Iterator[Change]:
    ours, others = kit.responses, server.responses
    for status in ours:
        if status not in others and _SUCCESS.fullmatch(status):
            said = ", ".join(sorted(others)) or "no status"
            yield change("status-removed", status, status, said)
    for status in others:
        if status not in ours and status != "default":
            yield change("status-added", status, ", ".join(sorted(ours)), status)


def _answers(ours_in: Views, others_in: Views, kit: Json, server: Json) -> Iterator[Change]:
    comparison = SchemaComparison(ours_in, others_in, Direction.RESPONSE)
    ours, others = _content(kit), _content(server)
    yield from _media_types("response", ours, others)
    for media_type, mine, theirs in _both(ours, others):
        if media_type != EVENT_STREAM:
            yield from comparison.compare(mine.get("schema"), theirs.get("schema"))


def _media_types(direction: str, kit: Json, server: Json) -> Iterator[Change]:
    """What one side has and not the other, where both say something."""
    ours, others = ", ".join(kit), ", ".join(server)
    for media_type in kit if others else ():
        if media_type not in server:
            yield change(f"{direction}-media-type-removed", media_type, media_type, others)
    for media_type in server if ours else ():
        if media_type not in kit:
            yield change(f"{direction}-media-type-added", media_type, ours, media_type)


def _both(ours: Mapping[str, Json], others: Mapping[str, Json]) -> Iterator[tuple[str, Json, Json]]:
    """What both sides have by a name."""
    return ((name, mine, others[name]) for name, mine in ours.items() if name in others)


def _content(part: Json) -> dict[str, Json]:
    """Media types with what is said of them, in lower case and without parameters."""
    return {
        str(name).partition(";")[0].strip().lower(): mapping(media)
        for name, media in mapping(part.get("content")).items()
    }
