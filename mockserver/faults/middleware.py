"""Performs what is done to a request and to its response, around the whole application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_contract.deviations import Deviations
from agentos_contract.document import EVENT_STREAM
from mockserver.faults.acting import note, noting
from mockserver.faults.exchange import Connection, Cut, Onward, Request, Response, Server
from mockserver.faults.registry import (
    change_exchange,
    on_chunk,
    on_frame,
    on_request,
    on_response,
    resolve,
    shows_in_run,
    shows_on,
)
from mockserver.faults.rules import is_on
from mockserver.faults.selection import select
from mockserver.http.bearer import refusal
from mockserver.http.hooks import HOOKS_KEY
from mockserver.http.preferences import (
    NO_ANSWER,
    PREFERENCES_KEY,
    RULE_ANSWER_KEY,
    Preferences,
    applied_header,
    preferences_of,
    read_preferences,
)

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request's body; a longer one is passed on as it is."""

_END = b"event: WorkflowCompleted\n"


class FaultsMiddleware:
    """Selects the faults of each request, and performs those that are done to it and its response.

    It stands around the application; a request without any passes through.
    """

    def __init__(
        self,
        application: ASGIApp,
        server: Server,
        deviations: Deviations | Callable[[], Deviations],
    ) -> None:
        self._application = application
        self._server = server
        self._deviations = deviations if callable(deviations) else lambda: deviations
        """Those of every request."""
        self._resolve = lru_cache(maxsize=256)(partial(resolve, memories=server.memories))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        preferences = scope[PREFERENCES_KEY] = self._preferences(scope)
        answer = scope.get(RULE_ANSWER_KEY)
        names = self._deviations()
        if preferences.are_some:
            names |= select(preferences, self._server)
        if answer is not None:
            preferences.rule_answer = answer
            names |= {*answer.faults, *answer.variations}
        is_noted = preferences.are_some or answer is not None
        scope[HOOKS_KEY] = self._resolve(names, is_noted=is_noted)
        if not is_noted:
            await self._carry_out(names, scope, receive, send)
            return
        with noting(preferences.acted if answer is None else answer.acted):
            await self._carry_out(names, scope, receive, send)

    async def _carry_out(
        self, names: frozenset[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        preferences = preferences_of(scope)
        if scope["type"] != "http" or not (change_exchange(names) or preferences.are_some):
            await self._application(scope, receive, send)
            return
        body, is_whole = await read_whole(receive)
        sent = Request(
            scope["method"],
            scope["path"],
            list(scope["headers"]),
            body,
            self._server,
            query=scope["query_string"].decode("latin-1"),
        )
        exchange = _Exchange(names, sent, preferences, receive, send)
        request = sent.copy()
        if is_whole:
            for name, fault in on_request.of(names):
                request.memory = self._server.memories.of(name)
                before = request.state
                fault(request)
                if request.state != before:
                    note(name)
            if request.body != body:
                request.set_header("content-length", str(len(request.body)))
            scope = _scope_of(request, scope)
        try:
            await self._application(scope, again(request.body, is_whole, receive), exchange.send)
        except Cut:
            pass  # the server closes a connection whose response is not whole
        finally:
            exchange.close()

    def _preferences(self, scope: Scope) -> Preferences:
        """What a request asks for; nothing where it is not let in."""
        if scope["type"] != "http" or all(name != b"prefer" for name, _ in scope["headers"]):
            return Preferences()
        headers, token = Headers(scope=scope), self._server.token
        if token is not None and refusal(headers.get("authorization", ""), token) is not None:
            return Preferences()
        return read_preferences(scope["headers"])


class _Exchange:
    """One response on its way out."""

    def __init__(
        self,
        names: frozenset[str],
        request: Request,
        preferences: Preferences,
        receive: Receive,
        send: Send,
    ) -> None:
        self._names = names
        self._preferences = preferences
        self._request = request
        self._receive = receive
        self._send = send
        self._connection: Connection | None = None
        self._onward: Onward | None = None
        self._response = Response(request, 0, [])
        self._body = bytearray()
        self._status = 0
        """As the server came to it."""

    async def send(self, message: Message) -> None:
        response = self._response
        if message["type"] == "http.response.start":
            response.status = self._status = message["status"]
            response.headers = list(message["headers"])
            content_type = response.header("content-type") or ""
            response.is_stream = content_type.startswith(EVENT_STREAM)
            if response.is_stream:
                self._begin()
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        chunk, is_last = message.get("body", b""), not message.get("more_body", False)
        if response.is_stream:
            # A run's end goes out by itself, so that it can be held back or broken off before it.
            end = max(chunk.find(_END), 0)
            if end:
                await self._send_piece(chunk[:end], False)
            await self._send_piece(chunk[end:], is_last)
            return
        self._body += chunk
        if not is_last:
            return
        length = response.header("content-length")
        response.body = response.original = bytes(self._body)
        self._begin()
        assert self._onward is not None
        if length is not None:
            response.set_header("content-length", str(len(response.body)))
        await self._onward(response.body, True)

    async def _send_piece(self, chunk: bytes, is_last: bool) -> None:
        assert self._onward is not None
        response = self._response
        response.is_at_end = chunk.startswith(_END)
        for name, fault in on_frame.of(self._names):
            response.memory = self._request.server.memories.of(name)
            changed = fault(chunk, response)
            if changed != chunk:
                note(name)
            chunk = changed
        await self._onward(chunk, is_last)

    def _begin(self) -> None:
        response = self._response
        for name, fault in on_response.of(self._names):
            response.memory = self._request.server.memories.of(name)
            before = response.state
            fault(response)
            if response.state != before:
                note(name)
        for name, _ in on_chunk.of(self._names):
            occurrence = on_chunk.occurrences[name]
            if is_on(occurrence.on, occurrence.where, response):
                note(name)
        applied = list(self._applied())
        if applied:
            response.headers.append((b"preference-applied", applied_header(applied)))
        self._connection = Connection(self._response, self._receive, self._send)
        self._onward = self._connection.way_out(fault for _, fault in on_chunk.of(self._names))

    def _applied(self) -> Iterator[tuple[str, str]]:
        """The preferences that this response comes of; of a stream, whose head goes out before
        what it tells of, also those that may change its run."""
        preferences, response = self._preferences, self._response
        if preferences.problem is not None:
            return
        may_come = preferences.is_reached and response.is_stream
        answer = preferences.rule_answer
        acted = preferences.acted if answer is NO_ANSWER else answer.acted
        for key, names in (("fault", preferences.faults), ("vary", preferences.variations)):
            for name in names:
                if (may_come and shows_in_run(name)) or (
                    name in acted and is_on(shows_on(name), {}, response)
                ):
                    yield key, name
        for key in preferences.values:
            is_other = key == "code" and preferences.values[key] != self._status
            if key in preferences.applied and not is_other:
                yield key, preferences.applied[key]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


async def read_whole(receive: Receive) -> tuple[bytes, bool]:
    """The request's body, and whether that is the whole."""
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body), False
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body), True
    return bytes(body), False


def again(body: bytes, is_whole: bool, receive: Receive) -> Receive:
    """`receive` with the body that was read already before what is still to come."""
    messages = [{"type": "http.request", "body": body, "more_body": not is_whole}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _scope_of(request: Request, scope: Scope) -> Scope:
    path = request.path
    return {
        **scope,
        "method": request.method,
        "path": path,
        "raw_path": path.encode() if path != scope["path"] else scope.get("raw_path"),
        "headers": request.headers,
        "query_string": request.query.encode("latin-1"),
    }
