"""One connection: uvicorn's HTTP/1.1 by httptools, within limits.

What a client sends is counted as it comes, before anything else sees it: a head that is too long is
answered 431, or 414 where its URL is (RFC 9110 section 15.5.15, RFC 6585 section 5), one that does
not come to its end 408 (section 15.5.9). A client that does not take what it is sent is left: its
connection is broken off, and its run ends as that of any client that went away.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from agentos_contract.json_values import to_json
from mockserver import defaults

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


def protocol(limits: Limits) -> type[asyncio.Protocol]:
    """The class of connections within these limits, for `uvicorn.Config(http=...)`."""

    class Connection(_Connection):
        pass

    Connection.limits = limits
    return Connection


_SPARE = 8
"""File descriptors that are needed for other things than connections."""


def _tell_of_descriptors(newest: int) -> None:
    """Log that no more can be opened soon: the system gives the lowest number that is free, and
    says nothing of the connections that it leaves waiting."""
    global _told_at
    if sys.platform == "win32":
        return  # there is no such limit
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if newest < limit - _SPARE or time.monotonic() < _told_at + 60:
        return
    _told_at = time.monotonic()
    logger.error(
        "%d of the %d files and connections that this process may have are open: further clients "
        "wait until others leave; `ulimit -n` allows more",
        newest + 1,
        limit,
    )


_told_at = float("-inf")


class _TooLong(Exception):
    """Ends the parser: httptools makes an HttpParserError of it."""


class _Connection(HttpToolsProtocol):
    limits: Limits
    _coming: asyncio.TimerHandle | None = None
    """Ends a request that does not come to its end; None while none is on its way."""
    _taking: asyncio.TimerHandle | None = None
    """Ends a client that takes nothing; None while it does."""
    _has_begun = False
    """Whether a part of a request has come that is not whole yet."""
    _is_in_head = False
    _is_in_body = False
    """`cycle` is that of a request whose body is on its way."""
    _received = 0
    """Bytes of a head that is not whole yet."""
    _size = 0
    """Bytes of the URL, headers and trailers that are whole."""
    _count = 0
    _refusal: tuple[int, str] | None = None
    """Status and detail of what is wrong with a head."""

    # -- a request as it comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()
        _tell_of_descriptors(transport.get_extra_info("socket").fileno())

    def shutdown(self) -> None:
        """The server ends: what has not come whole is not waited for."""
        if self._has_begun:
            self._answer(503, "the server is shutting down")
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_whole()
        self._stop_waiting_for_taker()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._has_begun = True
        self._received += len(data)
        super().data_received(data)
        if self._has_begun:
            self._await_request()
        if self._is_in_head and self._received > self.limits.max_header_size:
            self._refuse_size()
            self.send_400_response("")

    def handle_websocket_upgrade(self) -> None:
        self._request_is_whole()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._has_begun = self._is_in_head = True
        self._is_in_body = False
        self._received = self._size = self._count = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._size += len(url)
        if self._size > self.limits.max_header_size:
            size = self.limits.max_header_size
            self._refusal = 414, f"the URL is longer than {size} bytes; serve --max-header-size"
            raise _TooLong

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count += 1
        self._size += len(name) + len(value) + 4  # ": " and the end of the line
        if self._count > self.limits.max_headers:
            count = self.limits.max_headers
            self._refusal = 431, f"there are more than {count} headers; serve --max-headers"
            raise _TooLong
        if self._size > self.limits.max_header_size:
            self._refuse_size()
            raise _TooLong

    def on_headers_complete(self) -> None:
        self._is_in_head, before = False, self.cycle
        super().on_headers_complete()
        self._is_in_body = self.cycle is not before

    def on_message_complete(self) -> None:
        self._request_is_whole()
        self._is_in_body = False
        super().on_message_complete()

    def _refuse_size(self) -> None:
        size = self.limits.max_header_size
        self._refusal = 431, f"the headers have more than {size} bytes; serve --max-header-size"

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close."""
        status, detail = self._refusal or (400, "this is no HTTP/1.1 request")
        if self._refusal is not None:
            detail += " allows more"
        self._answer(status, detail)

    def _answer(self, status: int, detail: str) -> None:
        self._refusal = status, detail
        self._request_is_whole()
        if self.transport.is_closing():
            return
        if self._is_in_body and self.cycle.response_complete:
            self.transport.close()  # it was answered before it had come whole
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # An earlier answer is on its way, or its own body does not come to its end.
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        phrase = HTTPStatus(status)
        logger.info("a request of %s is answered %d: %s", self.client, status, detail)
        body = to_json({"detail": detail, "error_code": phrase.name})
        head = (
            f"HTTP/1.1 {status} {phrase.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
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
