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
from agentos_contract.json_values import mapping, read_json
from agentos_contract.sse import ServerSentEvent
from contract_tests.drift.changes import Change, Source, change
from contract_tests.drift.published import operation_title
from contract_tests.drift.shown import events_shown_by
from contract_tests.drift.values import Came, ValueComparison
from contract_tests.drift.views import Views, type_of
from contract_tests.target.exchange import Exchange

JSON = "application/json"

MAX_CHANGES = 500
"""Of frames and answers: a server may make up event names without end."""

ABSENT = frozenset({404, 405, 501})
"""What an operation without an id in its path answers where it is none."""

Part = tuple[str, str]
"""An operation's title, and which of its answers or events."""

Fields = Mapping[Part, Came]


@dataclass(frozen=True)
class StatusProbe:
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
    asked: Iterable[StatusProbe],
    expected: Fields,
) -> Sent:
    """Compare all that came. `expected`: what came before; what always did is looked for."""
    comparison = _Comparison(kit)
    for exchange in exchanges:
        comparison.add(exchange)
    for one in asked:
        comparison.add_status(one)
    comparison.add_missing_events()
    sent = Sent(list(comparison.changes.values()), comparison.seen | comparison.parts.keys())
    for part, values in comparison.parts.items():
        sent.changes += [found.at(Source.SENT, *part) for found in values.changes()]
        sent.fields[part] = values.came()
        sent.never[part] = values.never(expected.get(part, Came()).always)
    return sent


class _Comparison:
    def __init__(self, kit: Document) -> None:
        self._kit = kit
        self._views = Views(kit.content)
        self._operations = list(kit.iter_operations())
        self.parts: dict[Part, ValueComparison] = {}
        self.changes: dict[tuple[str, str, str, str], Change] = {}
        self.seen: set[Part] = set()
        self._names: set[str] = set()
        """Of the events that came."""
        self._shown: dict[str, tuple[str, Exchange]] = {}
        """Events that must have come, and what shows it."""

    def add(self, exchange: Exchange) -> None:
        operation = self._operation(exchange)
        if operation is None or exchange.status is None:
            return
        status = str(exchange.status)
        if exchange.status in ABSENT and "{" not in operation.path:
            said = f"answered with {status}"
            self._note(exchange, "", "operation-removed", "", "an operation", said)
            return
        documented = self._kit.resolve(operation.definition.get("responses", {}).get(status))
        if documented is None:
            listed = ", ".join(map(str, sorted(operation.statuses)))
            self._note(exchange, "", "status-added", status, listed, status)
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

    def add_status(self, asked: StatusProbe) -> None:
        exchange = asked.exchange
        self.seen.add((self._title(exchange), asked.what))
        if exchange.status != asked.expected:
            came = exchange.summary if exchange.status is None else str(exchange.status)
            came = f"{came} and a stream" if exchange.is_stream else came
            self._note(exchange, asked.what, "status-changed", "", asked.expected, came)

    def add_missing_events(self) -> None:
        """Events that should have come, as the results say what ran."""
        for name, (why, exchange) in self._shown.items():
            if name in self._kit.event_schemas and name not in self._names:
                self._note(exchange, f"event {name}", "event-removed", "", why, "never sent")

    # -- parts

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

    def _note(
        self, exchange: Exchange, part: str, kind: str, field: str, kit: object, server: object
    ) -> None:
        found = change(kind, field, kit, server, reproduce=exchange.curl)
        found = found.at(Source.SENT, self._title(exchange), part)
        if len(self.changes) < MAX_CHANGES:
            self.changes.setdefault(found.place, found)

    def _add_json(self, exchange: Exchange, part: str, text: str | bytes, schema: Any) -> Any:
        """Compare the JSON value of a text with its schema, and hand it out; None for what is no
        JSON, which is noted."""
        try:
            value = read_json(text)
        except ValueError as error:
            self._note(exchange, part, "response-no-json", "", "JSON", error)
            return None
        if schema is not None:
            key = (self._title(exchange), part)
            values = self.parts.setdefault(key, ValueComparison(self._views, schema))
            values.add(value, exchange)
        return value

    def _answer(self, exchange: Exchange, content: Mapping[str, Any]) -> None:
        part = str(exchange.status)
        if exchange.media_type not in content:
            listed = ", ".join(content)
            came = exchange.media_type or "no media type"
            self._note(exchange, part, "response-media-type-removed", listed, listed, came)
        elif exchange.media_type == JSON and exchange.error is None:
            self._add_json(exchange, part, exchange.body, content[JSON].get("schema", {}))

    # -- streams

    def _stream(self, exchange: Exchange) -> None:
        self.seen.add((self._title(exchange), "stream"))
        for _, event in exchange.events:
            self._names.add(event.event)
            for kind, kit, came in _of_frame(event):
                self._note(exchange, "stream", kind, "", kit, came)
            if self._kit.event_schemas and event.event != CUSTOM_EVENT:
                self._event(exchange, event)
        decoder = exchange.decoder
        if decoder is not None and decoder.comments:
            came = "lines that begin with a colon"
            self._note(exchange, "stream", "stream-comments", "", f"no {came}", came)
        if decoder is not None and decoder.unknown_fields:
            came = "lines of other names"
            self._note(exchange, "stream", "stream-fields", "", f"no {came}", came)

    def _event(self, exchange: Exchange, event: ServerSentEvent) -> None:
        name = event.event
        part = f"event {name[:80]}"
        schema = self._kit.event_schemas.get(name)
        if schema is None and name == "message":
            return  # one without a name, which is noted
        # The document's event schemas are `allOf: [payload]`, with its components beside.
        payload = self._add_json(exchange, part, event.data, schema and schema["allOf"][0])
        if payload is None:
            return
        fields = mapping(payload)
        if schema is None:
            came = f"with {', '.join(list(fields)[:12])}" if fields else type_of(payload)
            self._note(exchange, part, "event-added", "", "no such event", came)
            return
        if fields.get("event", name) != name:
            came = f"{name} and {str(fields['event'])[:80]}"
            kit = "the frame's event and its data's are the same"
            self._note(exchange, "stream", "event-name-differs", "", kit, came)
        if name == "WorkflowCompleted" and exchange.error is None:
            for shown, why in events_shown_by(fields.get("step_results")):
                self._shown.setdefault(shown, (why, exchange))
                self._shown.setdefault("WorkflowStarted", ("there are results", exchange))


def _of_frame(event: ServerSentEvent) -> Iterator[tuple[str, str, str]]:
    """How a frame is written, where it is not as the kit's document shows it: kind, kit, server."""
    if event.event == "message":
        yield "frame-unnamed", "each has its event's name", "no `event:` line"
    if "\n" in event.data:
        yield "frame-lines", "one `data:` line", "several"
    if event.last_event_id:
        yield "frame-id", "no `id:` line", "an `id:` line"
    if event.retry is not None:
        yield "frame-retry", "no `retry:` line", "a `retry:` line"


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))
