"""Sends requests and reads answers, within limits: nothing that a server does makes it hang.

Three limits hold for every exchange: the idle time-out (silence), the total time-out and a size.
Two hold for all of them together: the budget of runs, counted here and nowhere else, and how many
time-outs are put up with. Whatever goes wrong on the wire is part of the `Exchange`, not raised.

The work is done by one event loop in a thread of its own; callers block, or hold a future.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from agentos_contract.document import EVENT_STREAM, FORM
from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent
from contract_tests.target.curl import TOKEN_IN_SHELL, curl_command

MAX_TIMEOUTS = 3
"""After so many exchanges that ran into a limit no more runs are started."""

CLOSING_SECONDS = 10.0
"""How long a stream may stay open after its terminal event."""

LEAST_SECONDS = 5.0
"""Once an answer ran into a time-out, others are waited for a quarter as long, or so long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an exchange may take."""

    idle: float = 30.0
    """Seconds of silence."""
    total: float = 120.0
    """Seconds from the request to the answer's last byte."""
    max_bytes: int = 16 * 1024 * 1024
    """Of an answer's body."""
    max_events: int = 20_000


class TransferError(Enum):
    """What went wrong on the wire."""

    UNREACHABLE = "unreachable"
    """No connection, or none that TLS trusts."""
    NO_ANSWER = "no answer"
    """The connection was closed before a status came."""
    MALFORMED = "malformed"
    """What came is no HTTP."""
    CUT = "cut"
    """The connection was closed in the middle of the body."""
    IDLE = "idle"
    TOTAL = "total"
    SIZE = "size"
    LEFT_OPEN = "left open"
    """A stream that was not closed after its terminal event."""
    DISCONNECTED = "disconnected"
    """We closed the connection, as was meant."""


TIMEOUTS = frozenset(
    {TransferError.IDLE, TransferError.TOTAL, TransferError.SIZE, TransferError.LEFT_OPEN}
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """An Authorization header, and how a shell makes it without knowing the token."""

    value: str
    shown: str


OWN_TOKEN = Authorization("", f"Bearer {TOKEN_IN_SHELL}")
"""Stands for the right token, where there is one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. A form is given by its fields; any other body by its bytes."""

    method: str
    path: str
    """Percent-encoded, below the target's URL."""
    fields: tuple[tuple[str, str], ...] | None = None
    content: bytes | None = None
    content_type: str | None = None
    authorization: Authorization | None = OWN_TOKEN
    """None sends none."""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    """Seconds that the whole answer may take, where that is less than the limit."""
    disconnect_after: int | None = None
    """After how many events the connection is closed; None reads to the end."""

    @property
    def body(self) -> bytes | None:
        """The bytes that are sent."""
        if self.fields is not None:
            return urlencode(self.fields).encode("ascii")
        return self.content

    @property
    def body_type(self) -> str | None:
        return FORM if self.fields is not None else self.content_type

    def field(self, name: str) -> str | None:
        """The text of a form's field; the last where it comes twice."""
        fields = self.fields
        media_type = (self.body_type or "").partition(";")[0].strip().lower()
        if fields is None and media_type == FORM:
            fields = tuple(parse_qsl((self.content or b"").decode("latin-1")))
        found = [value for key, value in fields or () if key == name]
        return found[-1] if found else None


@dataclass(slots=True)
class Exchange:
    """A request and whatever came back. Times are seconds since it was sent."""

    request: Request
    curl: str
    status: int | None = None
    """None where no answer came."""
    reason: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    """Empty for an event stream that was answered with 200: its events are below."""
    received: bytearray = field(default_factory=bytearray)
    """The body's bytes as far as they came, a stream's too."""
    sent_headers: list[tuple[str, str]] = field(default_factory=list)
    """The request's, as a shell would make them that does not know the token."""
    error: TransferError | None = None
    error_message: str = ""
    seconds: float = 0.0
    events: list[tuple[float, ServerSentEvent]] = field(default_factory=list)
    """When each arrived, and it."""
    decoder: EventStreamDecoder | None = None
    """Of an event stream."""

    @property
    def media_type(self) -> str:
        header: str = self.headers.get("content-type", "")
        return header.partition(";")[0].strip().lower()

    @property
    def is_stream(self) -> bool:
        return self.decoder is not None

    @property
    def summary(self) -> str:
        """A few words on what came, for messages."""
        if self.status is None:
            return self.error_message or "no answer"
        if self.is_stream:
            return f"{self.status} and a stream of {len(self.events)} events"
        text = self.body[:200].decode("utf-8", "replace").strip()
        text = " ".join(text.split())
        return f"{self.status} {text[:120]}".strip()


class _IdleTimeout(Exception):
    """Nothing came for as long as may be waited for the next byte."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NoMoreRuns(Exception):
    """A request that could start a run was not sent; str() says why."""


class RunBudget:
    """How many runs may be started: those that are answered with 200 or not at all, and those of a
    form that is likely to be valid that are answered with a server error."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.started = 0
        self.timeouts = 0
        self._pending = 0
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        return self.limit - self.started

    def timeout(self, seconds: float) -> float:
        """How long to wait for what may take so many seconds: less once something ran into that."""
        return min(seconds, max(LEAST_SECONDS, seconds / 4)) if self.timeouts else seconds

    def reserve(self) -> None:
        """Before a request that could start a run. Raises NoMoreRuns."""
        with self._lock:
            if self.timeouts >= MAX_TIMEOUTS:
                raise NoMoreRuns(f"{self.timeouts} answers ran into a time-out or size limit")
            if self.started + self._pending >= self.limit:
                raise NoMoreRuns(f"all {self.limit} runs of the plan had been started (--max-runs)")
            self._pending += 1

    def settle(self, exchange: Exchange, *, counted: bool) -> None:
        """After any request; `counted` says whether it was reserved."""
        status = exchange.status
        may_have_run = status == 200 or (
            _looks_valid(exchange.request) and status >= 500
            if status is not None
            else exchange.error is not TransferError.UNREACHABLE
        )
        with self._lock:
            if counted:
                self._pending -= 1
                self.started += may_have_run
            if exchange.error in TIMEOUTS:
                self.timeouts += 1


def _looks_valid(request: Request) -> bool:
    """Whether its form may well be valid: a server error is then a run's that failed. Wrong forms
    that a server stumbles over are no runs, and there are many of them."""
    return (
        request.body_type is not None
        and request.body_type.partition(";")[0].strip().lower() == FORM
        and request.field("message") is not None
        and request.field("stream") in (None, "true", "false")
        and (request.field("version") or "null") in ("null", "0", "1")
    )


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
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        """`is_run` says whether a request could start a run. `on_exchange` is called with each
        exchange that is over, in the loop's thread."""
        self.url = url.rstrip("/")
        self.token = token
        self.limits = limits or Limits()
        self.budget = budget or RunBudget(0)
        self._is_run = is_run
        self._on_exchange = on_exchange
        self._verify = verify
        self._portal: BlockingPortal | None = None
        self._http: httpx.AsyncClient | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> Client:
        self._portal_context = start_blocking_portal()
        self._portal = self._portal_context.__enter__()
        self._http = httpx.AsyncClient(
            # Reading all certificates that are trusted takes longer than a request.
            verify=self._verify if self.url.lower().startswith("https:") else False,
            follow_redirects=False,
            # Time-outs are ours: httpx has none for the whole.
            timeout=httpx.Timeout(None, connect=min(10.0, self.limits.total)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=4),
        )
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

    def curl(self, request: Request) -> str:
        """The command that sends that request, without the token."""
        authorization = request.authorization
        shown = authorization.shown if authorization is not None else None
        if authorization is OWN_TOKEN and self.token is None:
            shown = None
        return curl_command(
            request.method,
            self.url + request.path,
            authorization=shown,
            headers=request.headers,
            fields=request.fields,
            content=request.content,
            content_type=request.content_type,
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
        exchange = Exchange(request, self.curl(request))
        exchange.sent_headers = self._headers(request, shown=True)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        started = time.monotonic()
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
            self._on_exchange(exchange)
        return exchange

    def _headers(self, request: Request, *, shown: bool = False) -> list[tuple[str, str]]:
        """What is sent; where it is to be `shown`, without the token."""
        headers = [("accept", f"application/json, {EVENT_STREAM}"), ("accept-encoding", "identity")]
        authorization = request.authorization
        if authorization is OWN_TOKEN:
            value = f"Bearer {self.token}" if self.token is not None else ""
            authorization = replace(OWN_TOKEN, value=value) if value else None
        if authorization is not None:
            value = authorization.shown if shown else authorization.value
            headers.append(("authorization", value))
        if request.body is not None and request.body_type is not None:
            headers.append(("content-type", request.body_type))
        return [*headers, *request.headers]

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
            self.url + request.path,
            content=request.body,
            headers=self._headers(request),
        )
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
            exchange.headers = response.headers
            if response.status_code == 200 and exchange.media_type == EVENT_STREAM:
                exchange.decoder = EventStreamDecoder()
            await self._read_body(response, exchange, started, on_event)
        finally:
            await response.aclose()

    async def _read_body(
        self,
        response: httpx.Response,
        exchange: Exchange,
        started: float,
        on_event: EventListener | None,
    ) -> None:
        chunks = response.aiter_bytes()
        over_at: float | None = None
        body = exchange.received
        idle = self.budget.timeout(self.limits.idle)
        while True:
            timeout = idle
            if over_at is not None:
                left = over_at + min(idle, CLOSING_SECONDS) - time.monotonic()
                timeout = max(0.0, left)
            try:
                async with asyncio.timeout(timeout):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                if over_at is None:
                    raise _IdleTimeout(timeout) from None
                exchange.error = TransferError.LEFT_OPEN
                exchange.error_message = (
                    f"the stream was still open {min(idle, CLOSING_SECONDS):g} s "
                    "after its terminal event"
                )
                return
            arrived = time.monotonic() - started
            body += chunk or b""
            if exchange.decoder is None:
                if chunk is None:
                    exchange.body = bytes(body)
                    return
                events: list[ServerSentEvent] = []
            elif chunk is None:
                events = exchange.decoder.end()
            else:
                events = exchange.decoder.feed(chunk)
            for event in events:
                exchange.events.append((arrived, event))
                if over_at is None and event.event in TERMINAL_EVENTS:
                    over_at = time.monotonic()
                if on_event is not None:
                    on_event(event)
            if chunk is None:
                return
            disconnect_after = exchange.request.disconnect_after
            if disconnect_after is not None and len(exchange.events) >= disconnect_after:
                exchange.error = TransferError.DISCONNECTED
                exchange.error_message = f"we left after {len(exchange.events)} events"
                return
            if len(body) > self.limits.max_bytes or len(exchange.events) > self.limits.max_events:
                exchange.body = b"" if exchange.is_stream else bytes(body)
                exchange.error = TransferError.SIZE
                exchange.error_message = (
                    f"the answer went on after {len(body)} bytes"
                    + (f" and {len(exchange.events)} events" if exchange.is_stream else "")
                    + f", {arrived:.1f} s after the request"
                )
                return


@contextmanager
def _note_errors(exchange: Exchange, total: float) -> Iterator[None]:
    """Note what goes wrong on the wire in the exchange."""
    try:
        yield
    except _IdleTimeout as reached:
        exchange.error = TransferError.IDLE
        exchange.error_message = f"{_so_far(exchange)}, then silence for {reached.seconds:g} s"
    except TimeoutError:
        exchange.error = TransferError.TOTAL
        exchange.error_message = f"{_so_far(exchange)}, and no end within {total:g} s"
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
        exchange.error = TransferError.UNREACHABLE
        exchange.error_message = f"no connection: {_innermost(error)}"
    except (httpx.LocalProtocolError, httpx.InvalidURL) as error:
        # Ours: what we built cannot be sent.
        raise RuntimeError(f"the request cannot be sent: {error}") from error
    except httpx.HTTPError as error:
        text = str(error) or type(error).__name__
        if exchange.status is not None:
            exchange.error = TransferError.CUT
            exchange.error_message = f"the connection was cut in the middle of the answer: {text}"
        elif isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in text:
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
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause) or text
        cause = cause.__cause__ or cause.__context__
    return text
