"""One connection: uvicorn's HTTP/1.1 by httptools, and its websockets, within limits.

What a client sends is counted as it comes, before anything else sees it: a head that is too long is
answered 431, or 414 where its URL is (RFC 9110 section 15.5.15, RFC 6585 section 5), one that does
not come to its end 408 (section 15.5.9), one that can be understood in two ways 400 (heads.py). A
body is answered 503 where all that are on their way would hold too much. A client that does not
take what it is sent is left: its connection is broken off, and its run ends as that of any client
that went away.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from agentos_contract.json_values import to_json
from mockserver import defaults
from mockserver.corked import Corked
from mockserver.heads import HeadError, check_head, in_origin_form

if TYPE_CHECKING:
    from starlette.types import Message, Send
    from uvicorn._types import WebSocketDisconnectEvent
    from websockets.frames import Frame

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a client may take of a connection."""

    max_header_size: int = defaults.MAX_HEADER_SIZE
    """Bytes of a request's URL, headers and trailers."""
    max_headers: int = defaults.MAX_HEADERS
    """Headers and trailers of a request."""
    client_timeout: float = defaults.CLIENT_TIMEOUT
    """Seconds within which a request has to come whole, and in which a client that takes nothing
    of what it is sent is taken for gone."""
    max_message: int = defaults.MAX_BODY
    """Bytes of a message over the websocket."""
    max_held: int = defaults.MAX_MEMORY
    """Bytes of all bodies and messages that have come and are not answered yet; one alone may have
    `max_message`."""


def protocols(limits: Limits) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
    """The classes of connections within these limits, for `uvicorn.Config(http=..., ws=...)`."""
    everything = _Held(max(limits.max_held, limits.max_message))

    class Connection(_Connection):
        pass

    class Socket(_Socket):
        pass

    Connection.limits = limits
    Connection.held = Socket.held = everything
    return Connection, Socket


_FREE = 64 * 1024
"""Bytes that each connection may hold uncounted: who sends little is always heard."""

_PIPELINED = 16
"""Requests that may wait for the answers of those before them on their connection."""

_SECONDS_TO_CLOSE = 1.0
"""For a client to read why it is refused, and to close."""

_OF_FRAGMENT = 100
"""Bytes that a websocket message's fragment needs, about, besides what it says."""


class _Held:
    """What all clients have sent that is not answered yet."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0

    def count(self, before: int, now: int) -> bool:
        """A connection holds so many bytes `now`, instead of `before`; whether there is room."""
        more = max(now - _FREE, 0) - max(before - _FREE, 0)
        self.size += more
        return more <= 0 or self.size <= self.most

    @property
    def too_much(self) -> str:
        return f"what clients have sent and is not answered yet takes {self.most:,} bytes"


_SPARE = 8
"""File descriptors that are needed for other things than connections."""


def _are_all_open(newest: int) -> bool:
    """Whether no more can be opened soon, which is logged: the system gives the lowest number that
    is free."""
    global _told_at
    if sys.platform == "win32":
        return False  # there is no such limit
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if newest < limit - _SPARE:
        return False
    if time.monotonic() > _told_at + 60:
        _told_at = time.monotonic()
        logger.error(
            "%d of the %d files and connections that this process may have are open: further "
            "clients are turned away until others leave; `ulimit -n` allows more",
            newest + 1,
            limit,
        )
    return True


_told_at = float("-inf")


class _Connection(HttpToolsProtocol):
    limits: Limits
    held: _Held
    _coming: asyncio.TimerHandle | None = None
    """Ends a request that does not come to its end; None while none is on its way."""
    _taking: asyncio.TimerHandle | None = None
    """Ends a client that takes nothing; None while it does."""
    _has_begun = False
    """Whether a part of a request has come that is not whole yet."""
    _is_in_head = False
    _is_in_body = False
    """`cycle` is that of a request whose body is on its way."""
    _is_other_protocol = False
    """The request asks to go on with one that is not served: it is fed to the parser once more,
    without that."""
    _received = 0
    """Bytes of a head that is not whole yet."""
    _size = 0
    """Bytes of the URL, headers and trailers that are whole."""
    _count = 0
    _body = 0
    """Bytes of bodies whose requests are not answered yet."""
    _is_refused = False
    """Whether nothing more is read."""

    # -- a request as it comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", Corked(transport, self.loop)))
        self._await_request()
        if _are_all_open(transport.get_extra_info("socket").fileno()):
            self._answer(503, "as many connections are open as there may be", waits=False)

    def shutdown(self) -> None:
        """The server ends: what has not come whole is not waited for."""
        if self._has_begun:
            self._answer(503, "the server is shutting down")
        elif self._is_refused:
            self.transport.close()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_whole()
        self._stop_waiting_for_taker()
        self._let_go_of_bodies()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._has_begun = True
        self._received += len(data)
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
            if self._is_in_head and self._received > self.limits.max_header_size:
                raise self._too_long()
        except HeadError as error:
            self._answer(error.status, error.detail)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, HeadError):
                raise
            self._answer(error.__context__.status, error.__context__.detail)
        except httptools.HttpParserError as error:
            self._answer(400, f"this is no HTTP/1.1 request: {error}")
        if self._has_begun:
            self._await_request()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if not self._is_other_protocol:
                    self.handle_websocket_upgrade()
                    return
                # Whoever asks for another protocol goes on with this one (RFC 9110 section 7.8),
                # and here the body comes. This parser would take it for the other's.
                lines = [
                    self.parser.get_method() + b" " + self.url + b" HTTP/1.1",
                    *[b"%s: %s" % each for each in self.headers if each[0] != b"upgrade"],
                ]
                data = b"\r\n".join(lines) + b"\r\n\r\n" + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def handle_websocket_upgrade(self) -> None:
        self._request_is_whole()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._has_begun = self._is_in_head = True
        self._is_in_body = self._is_other_protocol = False
        self._received = self._size = self._count = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._size += len(url)
        if self._size > self.limits.max_header_size:
            size = self.limits.max_header_size
            detail = f"the URL is longer than {size} bytes; serve --max-header-size allows more"
            raise HeadError(414, detail)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # a trailer is no header (RFC 9110 section 6.5.1)
            super().on_header(name, value)
        self._count += 1
        self._size += len(name) + len(value) + 4  # ": " and the end of the line
        if self._count > self.limits.max_headers:
            count = self.limits.max_headers
            detail = f"there are more than {count} headers; serve --max-headers allows more"
            raise HeadError(431, detail)
        if self._size > self.limits.max_header_size:
            raise self._too_long()

    def on_headers_complete(self) -> None:
        self._is_in_head, before = False, self.cycle
        method, version = self.parser.get_method().decode("ascii"), self.parser.get_http_version()
        check_head(method, version, self.url, self.headers)
        self.url = in_origin_form(self.url, self.headers)
        if self.parser.should_upgrade():
            if not self._should_upgrade():
                self._is_other_protocol = True
                return
            self._check_websocket()
        if version == "1.0":
            self.expect_100_continue = False  # it knows no interim answers
        if len(self.pipeline) >= _PIPELINED:
            raise HeadError(400, "too many requests wait for the answers of those before them")
        try:
            super().on_headers_complete()
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError) as error:
            raise HeadError(400, "the request's target is no path") from error
        if self.cycle is before:
            return
        self._is_in_body = True
        if version == "1.0" or self.cycle.waiting_for_100_continue:
            self.cycle.send = _with_care(self.cycle)  # type: ignore[method-assign, assignment]

    def _check_websocket(self) -> None:
        """Raises HeadError for a handshake that cannot be answered."""
        if any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            raise HeadError(400, "a websocket's handshake has no body")
        if self._is_answering():
            raise HeadError(400, "a websocket cannot begin before earlier requests are answered")

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._is_in_body and not self.cycle.response_complete:
            before, self._body = self._body, self._body + len(body)
            if not self.held.count(before, self._body):
                detail = f"{self.held.too_much}, the most that may be; "
                raise HeadError(503, f"{detail}serve --max-memory allows more")

    def on_message_complete(self) -> None:
        if self._is_other_protocol:
            return
        self._request_is_whole()
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self.pipeline:
            self._let_go_of_bodies()
        super().on_response_complete()

    def _let_go_of_bodies(self) -> None:
        self.held.count(self._body, 0)
        self._body = 0

    def _too_long(self) -> HeadError:
        size = self.limits.max_header_size
        detail = f"the headers have more than {size} bytes; serve --max-header-size allows more"
        return HeadError(431, detail)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _answer(self, status: int, detail: str, *, waits: bool = True) -> None:
        """Answer a request that is refused before anything else sees it, and close; `waits`: once
        the client has had time to read why."""
        self._is_refused = True
        self._request_is_whole()
        if self.transport.is_closing():
            return
        if self._is_answering():
            if not self._is_in_body:
                self.cycle.keep_alive = False  # the earlier ones are answered, and this one is not
                return
            if self.cycle.response_started or self.pipeline:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        elif self._is_in_body:
            self.transport.close()  # it was answered before it had come whole
            return
        phrase = HTTPStatus(status)
        logger.info("a request of %s is answered %d: %s", self.client, status, detail)
        body = to_json({"detail": detail, "error_code": phrase.name})
        head = (
            f"HTTP/1.1 {status} {phrase.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n"
        )
        if status == 503:
            head += "retry-after: 1\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)
        self._let_go_of_bodies()
        if waits and self.transport.can_write_eof():
            # Closed at once, what it still sends would be answered by a reset, which may come to
            # it before the answer does (RFC 9112 section 9.6).
            self.transport.write_eof()
            self.loop.call_later(_SECONDS_TO_CLOSE, self.transport.close)
        else:
            self.transport.close()

    # -- who is slow

    def _await_request(self) -> None:
        if self._coming is None:
            self._coming = self.loop.call_later(self.limits.client_timeout, self._is_too_slow)

    def _request_is_whole(self) -> None:
        self._has_begun = False
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _is_too_slow(self) -> None:
        self._coming = None
        if self.flow.read_paused:  # it may have sent it: nobody has looked
            self._await_request()
        elif not self._has_begun:
            self.transport.close()
        else:
            seconds = self.limits.client_timeout
            self._answer(
                408,
                f"the request did not come whole within {seconds:g} s; "
                "serve --client-timeout allows more",
            )

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(self.limits.client_timeout, self._takes_nothing)

    def resume_writing(self) -> None:
        self._stop_waiting_for_taker()
        super().resume_writing()

    def _stop_waiting_for_taker(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _takes_nothing(self) -> None:
        seconds = self.limits.client_timeout
        logger.warning("%s took nothing of its answer for %g s, and is left", self.client, seconds)
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():  # to close it would wait for the client
            self.transport.abort()
        super().timeout_keep_alive_handler()


def _with_care(cycle: RequestResponseCycle) -> Send:
    """Sends what a client of HTTP/1.0 can read, which knows no chunks: a body whose length is not
    said ends with the connection. And closes the connection of one that was not told to go on:
    what it sends next may be the body, or another request."""
    send, is_old = cycle.send, cycle.scope["http_version"] == "1.0"
    ends_with_connection = False

    async def careful(message: Message) -> None:
        nonlocal ends_with_connection
        if message["type"] == "http.response.start":
            if cycle.waiting_for_100_continue:
                cycle.keep_alive = False
            names = {name.lower() for name, _ in message["headers"]}
            if is_old and b"content-length" not in names:
                ends_with_connection, cycle.chunked_encoding = True, False
        elif ends_with_connection:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)  # type: ignore[arg-type]

    return careful


class _Socket(WebSocketsSansIOProtocol):
    """A websocket. What it has sent counts until the application asks for more."""

    held: _Held
    _size = 0
    """Bytes that have come."""
    _whole = 0
    """How many of these are messages that are whole."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._hold(0)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: the application hears of it, and closes once its runs have ended."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        going: WebSocketDisconnectEvent = {
            "type": "websocket.disconnect",
            "code": CloseCode.SERVICE_RESTART,
        }
        self.queue.put_nowait(going)

    def data_received(self, data: bytes) -> None:
        if self.close_sent or self._hold(self._size + len(data)):
            super().data_received(data)
        elif self.handshake_complete:
            reason = "too much is on its way from all clients; serve --max-memory allows more"
            logger.info("the websocket of %s is closed: %s", self.client, reason)
            self.conn.fail(CloseCode.TRY_AGAIN_LATER, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
        else:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        self._hold(self._size + _OF_FRAGMENT)
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        self._whole = self._size
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        if self.queue.empty():
            self._hold(self._size - self._whole)
            self._whole = 0
        return await super().receive()

    def _hold(self, size: int) -> bool:
        """It holds so many bytes; whether there is room for them."""
        before, self._size = self._size, size
        return self.held.count(before, size)
