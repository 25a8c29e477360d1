"""Performs what is done to a request and to its response, around the whole application."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_contract.document import EVENT_STREAM
from mockserver.faults.exchange import Connection, Cut, Onward, Request, Response, Server
from mockserver.faults.registry import ActiveFaults, active_faults
from mockserver.http.deviating import deviations_of

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request's body; a longer one is passed on as it is."""

_END = b"event: WorkflowCompleted\n"


class FaultsMiddleware:
    """Stands around the application; a request without deviations passes through."""

    def __init__(self, application: ASGIApp, server: Server) -> None:
        self._application = application
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (names := deviations_of(scope)):
            await self._application(scope, receive, send)
            return
        faults = active_faults(names)
        if not faults.are_of_exchange:
            await self._application(scope, receive, send)
            return
        body, is_whole = await _read(receive)
        sent = Request(scope["method"], scope["path"], list(scope["headers"]), body, self._server)
        request = sent.copy()
        if is_whole:
            for name, fault in faults.on_request:
                request.memory = self._server.memories.of(name)
                fault(request)
            if request.body != body:
                request.set_header("content-length", str(len(request.body)))
            scope = _scope_of(request, scope)
        exchange = _Exchange(faults, sent, receive, send)
        try:
            await self._application(scope, _again(request.body, is_whole, receive), exchange.send)
        except Cut:
            pass  # the server closes a connection whose response is not whole
        finally:
            exchange.close()


class _Exchange:
    """One response on its way out."""

    def __init__(
        self, faults: ActiveFaults, request: Request, receive: Receive, send: Send
    ) -> None:
        self._faults = faults
        self._request = request
        self._receive = receive
        self._send = send
        self._connection: Connection | None = None
        self._onward: Onward | None = None
        self._response = Response(request, 0, [])
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        response = self._response
        if message["type"] == "http.response.start":
            response.status = message["status"]
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
        for name, fault in self._faults.on_frame:
            response.memory = self._request.server.memories.of(name)
            chunk = fault(chunk, response)
        await self._onward(chunk, is_last)

    def _begin(self) -> None:
        for name, fault in self._faults.on_response:
            self._response.memory = self._request.server.memories.of(name)
            fault(self._response)
        self._connection = Connection(self._response, self._receive, self._send)
        self._onward = self._connection.way_out(fault for _, fault in self._faults.on_chunk)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


async def _read(receive: Receive) -> tuple[bytes, bool]:
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


def _again(body: bytes, is_whole: bool, receive: Receive) -> Receive:
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
    }
