"""Sends requests and reads answers, within limits: nothing that a server does makes it hang.

Three limits hold for every exchange: the idle time-out (silence), the total time-out and a size
(of headers h11's, 100 KiB). Three hold for all of them together (budget.py): runs, counted here and
nowhere else, bytes, and how many time-outs are put up with. Whatever goes wrong on the wire is part
of the `Exchange`, not raised.

The work is done by one event loop in a thread of its own; callers block, or hold a future.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal

from agentos_contract.connection import PLAIN, Connection, below, causes, why_untrusted
from agentos_contract.document import EVENT_STREAM
from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent
from contract_tests.target.body import BodyOver, BodyReader
from contract_tests.target.budget import RunBudget
from contract_tests.target.curl import curl_command
from contract_tests.target.exchange import OWN_TOKEN, Exchange, Request, TransferError
from contract_tests.target.gateway import describe, is_gateways, is_page, wait_of
from contract_tests.target.problems import GatewayAnswered

KEEP_ALIVE_SECONDS = 1.0
"""How long a connection is kept that nothing is asked on. Servers close one after two seconds or
more, and a request that is on its way then is never answered, which is nobody's fault."""

CLOSING_SECONDS = 10.0
"""How long a stream may stay open after its terminal event."""


class _IdleTimeout(Exception):
    """Nothing came for as long as may be waited for the next byte."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What an exchange may take."""

    idle: float = 30.0
    """Seconds of silence."""
    total: float = 120.0
    """Seconds from the request to the answer's last byte."""
    max_bytes: int = 16 * 1024 * 1024
    """Of an answer's body, as it comes and decoded."""
    max_events: int = 20_000


CHUNKED = (("Transfer-Encoding", "chunked"),)

PATIENCE = 60.0
"""Seconds that all waiting for a gateway that says when to come again may take."""

EventListener = Callable[[ServerSentEvent], None]


class Client:
    """One target. Use it as a context manager."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        limits: Limits | None = None,
        budget: RunBudget | None = None,
        is_run: Callable[[Request], bool] = lambda request: False,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
        connection: Connection = PLAIN,
    ) -> None:
        """`is_run` says whether a request could start a run. `on_exchange` is called with each
        exchange that is over, in the loop's thread."""
        self.url = url.rstrip("/")
        self.token = token
        self.limits = limits or Limits()
        self.budget = budget or RunBudget(0)
        self._is_run = is_run
        self._on_exchange = on_exchange
        self._connection = connection
        self._portal: BlockingPortal | None = None
        self._http: httpx2.AsyncClient | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self.http_version = ""
        """The version of HTTP that the last answer was of."""
        self.asked_again: Request | None = None
        """A harmless request that the server answers, but not with a page: where it gets one too,
        pages are a gateway's."""
        self.failed: list[Exchange] = []
        """What was answered with 500."""
        self._refuses_gateways = False
        self._patience = PATIENCE

    def __enter__(self) -> Client:
        # Reading all certificates that are trusted takes longer than a request.
        is_tls = self.url.lower().startswith("https:")
        self._http = httpx2.AsyncClient(
            verify=self._connection.tls(httpx2.create_ssl_context) if is_tls else False,
            proxy=self._connection.proxy,
            # A gateway's cookie would let the next probe in.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            # Time-outs are ours: httpx2 has none for the whole.
            timeout=httpx2.Timeout(None, connect=min(10.0, self.limits.total)),
            limits=httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=4,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
        )
        self._portal_context = start_blocking_portal()
        self._portal = self._portal_context.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._portal is not None
        try:
            self._portal.call(self._close)
        finally:
            self._portal_context.__exit__(None, None, None)

    def send(self, request: Request, *, on_event: EventListener | None = None) -> Exchange:
        """Send a request and read the whole answer. Raises NoMoreRuns before sending it."""
        return self.start(request, on_event=on_event).result()

    def start(self, request: Request, *, on_event: EventListener | None = None) -> Future[Exchange]:
        """Send a request; the future gives the whole answer. `on_event` is called for each event
        of a stream as it comes, in the loop's thread. Raises NoMoreRuns before sending it."""
        assert self._portal is not None
        counted = self._is_run(request)
        if counted:
            self.budget.reserve()
        return self._portal.start_task_soon(self._exchange, request, on_event, counted)

    @contextmanager
    def refusing_gateways(self) -> Iterator[None]:
        """Within, what a gateway answers raises GatewayAnswered, by `send` and by the future; where
        it asks to come again soon, that is done first."""
        before, self._refuses_gateways = self._refuses_gateways, True
        try:
            yield
        finally:
            self._refuses_gateways = before

    def curl(self, request: Request) -> str:
        """The command that sends that request, without the token."""
        authorization = request.authorization
        shown = authorization.shown if authorization is not None else None
        if authorization is OWN_TOKEN and self.token is None:
            shown = None
        return curl_command(
            request.method,
            below(self.url, request.path),
            connection=self._connection,
            authorization=shown,
            headers=(*request.headers, *(CHUNKED if request.is_chunked else ())),
            fields=request.fields,
            content=request.content,
            content_type=request.content_type,
            token=self.token,
        )

    # -- in the loop's thread

    async def _close(self) -> None:
        """Break off what nobody waited for, which would open a connection after the last closed."""
        assert self._http is not None
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._http.aclose()

    async def _exchange(
        self, request: Request, on_event: EventListener | None, counted: bool
    ) -> Exchange:
        exchange = await self._once(request, on_event, counted)
        while self._refuses_gateways and await self._is_gateways(exchange):
            seconds = wait_of(exchange)
            if seconds is None or seconds > self._patience:
                raise GatewayAnswered(describe(exchange))
            self._patience -= seconds
            await asyncio.sleep(seconds)
            if counted:
                self.budget.reserve()
            exchange = await self._once(request, on_event, counted)
        return exchange

    async def _is_gateways(self, exchange: Exchange) -> bool:
        if is_gateways(exchange):
            return True
        if self.asked_again is None or not is_page(exchange):
            return False
        other = await self._once(self.asked_again, None, counted=False)
        return is_gateways(other) or is_page(other)

    async def _once(
        self, request: Request, on_event: EventListener | None, counted: bool
    ) -> Exchange:
        exchange = Exchange(request, self.curl(request))
        exchange.sent_headers = self._headers(request, shown=True)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        started = exchange.began = time.monotonic()
        total = self.budget.timeout(self.limits.total)
        if request.timeout is not None:
            total = min(total, request.timeout)
        try:
            with _note_errors(exchange, total):
                async with asyncio.timeout(total):
                    await self._read(request, exchange, started, on_event)
        finally:
            exchange.seconds = time.monotonic() - started
            self.budget.settle(exchange, counted=counted)
            if exchange.status == 500:
                self.failed.append(exchange)
            self._on_exchange(exchange)
        return exchange

    def always_sends(self, header: str) -> bool:
        """Whether each request has that header, as the user asked for it (`--header`)."""
        return any(name.lower() == header.lower() for name, _ in self._connection.headers)

    def _headers(self, request: Request, *, shown: bool = False) -> list[tuple[str, str]]:
        """What is sent; where it is to be `shown`, without secrets."""
        headers = [("accept", f"application/json, {EVENT_STREAM}"), ("accept-encoding", "identity")]
        authorization = request.authorization
        if authorization is OWN_TOKEN:
            value = f"Bearer {self.token}" if self.token is not None else ""
            authorization = replace(OWN_TOKEN, value=value) if value else None
        if authorization is not None:
            value = authorization.shown if shown else authorization.value
            headers.append(("authorization", value))
        if request.has_body and request.body_type is not None:
            headers.append(("content-type", request.body_type))
        given = {name.lower() for name, _ in request.headers}
        own = [
            *(one for one in headers if one[0] not in given),
            *(one for one in request.headers if one[1]),
        ]
        names = [name for name, _ in own]
        if shown:
            values = dict(self._connection.shown_headers)
            return own + [(n, values[n]) for n, _ in self._connection.headers_beside(names)]
        return own + self._connection.headers_beside(names)

    async def _read(
        self,
        request: Request,
        exchange: Exchange,
        started: float,
        on_event: EventListener | None,
    ) -> None:
        assert self._http is not None
        message = self._http.build_request(
            request.method,
            below(self.url, request.path),
            content=_in_chunks(request.body or b"") if request.is_chunked else request.body,
            headers=self._headers(request),
        )
        for name, value in request.headers:
            if not value:
                message.headers.pop(name, None)
        # A batch run may think for as long as the whole may take; a stream has to begin.
        is_batch = request.field("stream") in ("false", "False", "0")
        idle = self.budget.timeout(self.limits.idle)
        try:
            # Not wait_for: Python 3.11's loses a cancellation that comes with a result.
            async with asyncio.timeout(None if is_batch else idle):
                response = await self._http.send(message, stream=True)
        except TimeoutError:
            raise _IdleTimeout(idle) from None
        try:
            exchange.status = response.status_code
            exchange.reason = response.reason_phrase
            exchange.http_version = self.http_version = response.http_version
            exchange.headers = response.headers
            if response.status_code == 200 and exchange.media_type == EVENT_STREAM:
                exchange.decoder = EventStreamDecoder()
            await self._read_body(response, exchange, started, on_event)
        finally:
            if response.status_code >= 500:
                # Servers close it right behind a failure, unsaid: a request that is on its way then
                # is never answered, which is nobody's fault. A closed one is not asked on.
                await response.extensions["network_stream"].aclose()
            await response.aclose()

    async def _read_body(
        self,
        response: httpx2.Response,
        exchange: Exchange,
        started: float,
        on_event: EventListener | None,
    ) -> None:
        chunks = response.aiter_raw()
        reader = BodyReader(
            exchange,
            max_bytes=self.budget.bytes_of_one(self.limits.max_bytes),
            max_events=self.limits.max_events,
        )
        leave_after = exchange.request.disconnect_after
        over_at: float | None = None
        while (chunk := await self._next(chunks, over_at)) is not None:
            for event in reader.feed(chunk, time.monotonic() - started):
                if over_at is None and event.event in TERMINAL_EVENTS:
                    over_at = time.monotonic()
                if on_event is not None:
                    on_event(event)
            if leave_after is not None and len(exchange.events) >= leave_after:
                message = f"we left after {len(exchange.events)} events"
                raise BodyOver(TransferError.DISCONNECTED, message)
        reader.end()

    async def _next(self, chunks: AsyncIterator[bytes], over_at: float | None) -> bytes | None:
        """The next bytes of a body; None at its end. `over_at` is when the terminal event came."""
        idle = self.budget.timeout(self.limits.idle)
        closing = min(idle, CLOSING_SECONDS)
        timeout = idle if over_at is None else max(0.0, over_at + closing - time.monotonic())
        try:
            async with asyncio.timeout(timeout):
                return await anext(chunks, None)
        except TimeoutError:
            if over_at is None:
                raise _IdleTimeout(timeout) from None
            message = f"the stream was still open {closing:g} s after its terminal event"
            raise BodyOver(TransferError.LEFT_OPEN, message) from None


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body in two pieces, of which a server learns no length."""
    for piece in (body[: len(body) // 2], body[len(body) // 2 :]):
        if piece:
            yield piece


@contextmanager
def _note_errors(exchange: Exchange, total: float) -> Iterator[None]:
    """Note what goes wrong on the wire in the exchange."""
    try:
        yield
    except BodyOver as why:
        exchange.error, exchange.error_message = why.error, str(why)
    except _IdleTimeout as reached:
        exchange.error = TransferError.IDLE
        exchange.error_message = (
            f"{_so_far(exchange)}, then silence for {reached.seconds:g} s (--idle-timeout)"
        )
    except TimeoutError:
        exchange.error = TransferError.TOTAL
        exchange.error_message = (
            f"{_so_far(exchange)}, and no end within {total:g} s (--total-timeout)"
        )
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
        exchange.error = TransferError.UNREACHABLE
        exchange.error_message = f"no connection: {_innermost(error)}"
        if (text := why_untrusted(error)) is not None:
            exchange.error, exchange.error_message = TransferError.UNTRUSTED, text
    except httpx2.ProxyError as error:
        exchange.error = TransferError.UNREACHABLE
        exchange.error_message = f"no connection: the proxy says {_innermost(error)}"
    except httpx2.InvalidURL as error:
        # An id of the server's may be longer than any URL.
        exchange.error = TransferError.UNSENDABLE
        exchange.error_message = f"the request cannot be sent: {error}"
    except httpx2.LocalProtocolError as error:
        # Ours: what we built cannot be sent.
        raise RuntimeError(f"the request cannot be sent: {error}") from error
    except httpx2.HTTPError as error:
        text = str(error) or type(error).__name__
        if exchange.status is None and (untrusted := why_untrusted(error)) is not None:
            exchange.error, exchange.error_message = TransferError.UNTRUSTED, untrusted
        elif exchange.status is not None:
            exchange.error = TransferError.CUT
            exchange.error_message = f"the connection was cut in the middle of the answer: {text}"
        elif isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in text:
            exchange.error = TransferError.MALFORMED
            exchange.error_message = f"the answer is no HTTP: {text}"
        else:
            exchange.error = TransferError.NO_ANSWER
            exchange.error_message = f"the connection was closed without an answer ({text})"


def _so_far(exchange: Exchange) -> str:
    if exchange.status is None:
        return "no answer"
    if exchange.is_stream:
        return f"{exchange.status} and {len(exchange.events)} events"
    return f"{exchange.status} and the beginning of an answer"


def _innermost(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    for cause in causes(error):
        text = str(cause) or text
    return text
