"""What a server sends, compared with the kit's document and its event schemas.

Every exchange is looked at by the operation that it was for, whoever sent it and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agentos_contract.document import EVENT_STREAM, RUN_OPERATION_ID, Document, Operation
from agentos_contract.events import CUSTOM_EVENT
from agentos_contract.json_values import read_json
from agentos_contract.sse import ServerSentEvent
from contract_tests.drift.changes import Change, Difference, Impact, Source, at
from contract_tests.drift.published import operation_title
from contract_tests.drift.shown import events_shown_by
from contract_tests.drift.values import Came, ValueComparison
from contract_tests.drift.views import Views, type_of
from contract_tests.target.exchange import Exchange

JSON = "application/json"

MAX_TOLD = 500
"""Differences of frames and answers: a server may make up event names without end."""

ABSENT = frozenset({404, 405, 501})
"""What an operation without an id in its path answers where it is none."""

Part = tuple[str, str]
"""An operation's title, and which of its answers or events."""

Fields = Mapping[Part, Came]


@dataclass(frozen=True)
class Asked:
    """A request that is made for the sake of its status."""

    exchange: Exchange
    what: str
    """`a form without message`."""
    expected: int
    """The status, by the kit's document."""


@dataclass
class Sent:
    """What came of all exchanges."""

    changes: list[Change] = field(default_factory=list)
    parts: set[Part] = field(default_factory=set)
    """Parts of which something came."""
    fields: dict[Part, Came] = field(default_factory=dict)
    never: dict[Part, set[str]] = field(default_factory=dict)
    """Those of the fields that were to be looked for which never came."""


def compare_sent(
    kit: Document,
    exchanges: Iterable[Exchange],
    asked: Iterable[Asked],
    expected: Fields,
) -> Sent:
    """Compare all that came. `expected`: what came before; what always did is looked for."""
    comparison = _Comparison(kit)
    for exchange in exchanges:
        comparison.add(exchange)
    for one in asked:
        comparison.add_status(one)
    comparison.add_unseen()
    sent = Sent(comparison.changes, comparison.seen)
    for part, values in comparison.parts.items():
        sent.parts.add(part)
        for difference, exchange in values.differences():
            sent.changes.append(at(difference, Source.SENT, *part, reproduce=exchange.curl))
        sent.fields[part] = values.came()
        sent.never[part] = values.never(expected.get(part, Came()).always)
    return sent


class _Comparison:
    def __init__(self, kit: Document) -> None:
        self._kit = kit
        self._views = Views(kit.content)
        self._events = kit.event_schemas
        self._operations = list(kit.iter_operations())
        self.parts: dict[Part, ValueComparison] = {}
        self.changes: list[Change] = []
        self.seen: set[Part] = set()
        self._told: set[tuple[str, str, str, str]] = set()
        self._names: set[str] = set()
        """Of the events that came."""
        self._shown: dict[str, tuple[str, Exchange]] = {}
        """Events that must have come, and what shows it."""

    # -- exchanges

    def add(self, exchange: Exchange) -> None:
        operation = self._operation(exchange)
        if operation is None or exchange.status is None:
            return
        if exchange.status in ABSENT and "{" not in operation.path:
            said = ("operation-removed", Impact.BREAKING, "", "an operation")
            came = f"answered with {exchange.status}"
            self._tell(exchange, "", Difference(*said, came, "who calls it gets an error"))
            return
        responses = operation.definition.get("responses", {})
        documented = self._kit.resolve(responses.get(str(exchange.status)))
        if documented is None:
            listed = ", ".join(map(str, sorted(operation.statuses)))
            came = str(exchange.status)
            notice = "it comes, and a client need not know it"
            said = ("status-added", Impact.NOTICE, came, listed)
            self._tell(exchange, "", Difference(*said, came, notice))
            return
        content = documented.get("content", {})
        if operation.operation_id == RUN_OPERATION_ID and exchange.status == 200:
            # Which of both is for the form to ask.
            wanted = JSON if exchange.request.field("stream") == "false" else EVENT_STREAM
            content = {wanted: content.get(wanted, {})}
        if exchange.is_stream and EVENT_STREAM in content:
            self._stream(exchange)
        elif content and (exchange.body or exchange.media_type):
            self._answer(exchange, content)

    def add_status(self, asked: Asked) -> None:
        exchange = asked.exchange
        self.seen.add((self._title(exchange), asked.what))
        if exchange.status == asked.expected:
            return
        came = exchange.summary if exchange.status is None else str(exchange.status)
        if exchange.is_stream:
            came = f"{came} and a stream"
        notice = "who looks for that status does not get it"
        said = ("status-changed", Impact.BREAKING, "", str(asked.expected), came, notice)
        self._tell(exchange, asked.what, Difference(*said))

    def add_unseen(self) -> None:
        """Events that should have come, as the results say what ran."""
        for name, (why, exchange) in self._shown.items():
            if name in self._events and name not in self._names:
                notice = "who waits for it does not get it"
                said = ("event-removed", Impact.BREAKING, "", why, "never sent", notice)
                self._tell(exchange, f"event {name}", Difference(*said))

    def _operation(self, exchange: Exchange) -> Operation | None:
        path = exchange.request.path.partition("?")[0]
        method = exchange.request.method.lower()
        fitting = [
            operation
            for operation in self._operations
            if operation.method == method and _pattern(operation.path).fullmatch(path)
        ]
        # Of `/sessions/{id}` and a path without a parameter the latter is meant.
        return min(fitting, key=lambda operation: operation.path.count("{"), default=None)

    def _title(self, exchange: Exchange) -> str:
        operation = self._operation(exchange)
        path = operation.path if operation is not None else exchange.request.path
        return operation_title(exchange.request.method, path)

    def _tell(self, exchange: Exchange, part: str, difference: Difference) -> None:
        title = self._title(exchange)
        key = (title, part, difference.kind, difference.field)
        if key not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(key)
            self.changes.append(at(difference, Source.SENT, title, part, reproduce=exchange.curl))

    # -- one answer

    def _answer(self, exchange: Exchange, content: Mapping[str, Any]) -> None:
        part = str(exchange.status)
        if exchange.media_type not in content:
            came, notice = exchange.media_type or "none", "who reads it gets something else"
            listed = ", ".join(content)
            kind = "response-media-type-removed"
            self._tell(
                exchange, part, Difference(kind, Impact.BREAKING, listed, listed, came, notice)
            )
        elif exchange.media_type == JSON and exchange.error is None:
            value = self._read(exchange, part, exchange.body)
            if value is not _UNREADABLE:
                self._values(exchange, part, content[JSON].get("schema")).add(value, exchange)

    def _read(self, exchange: Exchange, part: str, text: str | bytes) -> Any:
        """The JSON value, or _UNREADABLE, which has been told."""
        try:
            return read_json(text)
        except ValueError as error:
            said = ("response-no-json", Impact.BREAKING, "", "JSON", str(error))
            self._tell(exchange, part, Difference(*said, "it cannot be read"))
            return _UNREADABLE

    def _values(self, exchange: Exchange, part: str, schema: Any) -> ValueComparison:
        key = (self._title(exchange), part)
        if key not in self.parts:
            self.parts[key] = ValueComparison(self._views, schema)
        return self.parts[key]

    # -- streams

    def _stream(self, exchange: Exchange) -> None:
        self.seen.add((self._title(exchange), "stream"))
        for _, event in exchange.events:
            self._names.add(event.event)
            for difference in _of_frame(event):
                self._tell(exchange, "stream", difference)
            if self._events and event.event != CUSTOM_EVENT:
                self._event(exchange, event)
        decoder = exchange.decoder
        if decoder is None:
            return
        for count, kind, came in (
            (decoder.comments, "stream-comments", "lines that begin with a colon"),
            (len(decoder.unknown_fields), "stream-fields", "lines of other names"),
        ):
            if count:
                notice = "a hand-written parser has to skip them"
                said = (kind, Impact.NOTICE, "", f"no {came}", came, notice)
                self._tell(exchange, "stream", Difference(*said))

    def _event(self, exchange: Exchange, event: ServerSentEvent) -> None:
        name = event.event
        part = f"event {name[:80]}"
        schema = self._events.get(name)
        if schema is None and name == "message":
            return  # one without a name, which is told
        payload = self._read(exchange, part, event.data)
        if payload is _UNREADABLE:
            return
        fields = payload if isinstance(payload, Mapping) else {}
        if schema is None:
            came = f"with {', '.join(list(fields)[:12])}" if fields else type_of(payload)
            notice = "it comes among the others, and a client need not know it"
            said = ("event-added", Impact.NOTICE, "", "no such event", came, notice)
            self._tell(exchange, part, Difference(*said))
            return
        # The document's event schemas are `allOf: [payload]`, with its components beside.
        self._values(exchange, part, schema["allOf"][0]).add(payload, exchange)
        if fields.get("event", name) != name:
            notice = "who goes by the one finds another than who goes by the other"
            came = f"{name} and {str(fields['event'])[:80]}"
            kit = "the frame's event and its data's are the same"
            said = ("event-name-differs", Impact.BREAKING, "", kit, came, notice)
            self._tell(exchange, "stream", Difference(*said))
        if name == "WorkflowCompleted" and exchange.error is None:
            for shown, why in events_shown_by(fields.get("step_results")):
                self._shown.setdefault(shown, (why, exchange))


_UNREADABLE = object()


def _of_frame(event: ServerSentEvent) -> Iterator[Difference]:
    """How a frame is written, where it is not as the kit's document shows it."""
    if event.event == "message":
        notice = "who listens for events by their names gets none"
        kit = "each has its event's name"
        yield Difference("frame-unnamed", Impact.BREAKING, "", kit, "no `event:` line", notice)
    if "\n" in event.data:
        notice = "a hand-written parser has to join several `data:` lines"
        kit = "one `data:` line"
        yield Difference("frame-lines", Impact.NOTICE, "", kit, "several", notice)
    if event.last_event_id:
        notice = "a client may keep it to resume by"
        yield Difference("frame-id", Impact.ADDITION, "", "no `id:` line", "an `id:` line", notice)
    if event.retry is not None:
        notice = "an EventSource waits so long before it connects again"
        yield Difference(
            "frame-retry", Impact.ADDITION, "", "no `retry:` line", "a `retry:` line", notice
        )


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))
