"""A request and what came back: one exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, urlencode

import httpx2

from agentos_contract.document import FORM
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent
from contract_tests.target.curl import TOKEN_IN_SHELL


class TransferError(Enum):
    """What went wrong on the wire."""

    UNREACHABLE = "unreachable"
    """No connection."""
    UNTRUSTED = "untrusted"
    """A connection that TLS refused, on our side or on theirs."""
    UNSENDABLE = "unsendable"
    """A request whose URL is longer than any client takes."""
    NO_ANSWER = "no answer"
    """The connection was closed before a status came."""
    MALFORMED = "malformed"
    """What came is no HTTP, or encoded in a way that nobody asked for."""
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


NOT_SENT = frozenset({TransferError.UNREACHABLE, TransferError.UNTRUSTED, TransferError.UNSENDABLE})
"""What goes wrong before the request is on its way."""


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
    """In the place of what is sent otherwise; one without a value is not sent."""
    is_chunked: bool = False
    """Whether the body comes in chunks, without a length."""
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
    def has_body(self) -> bool:
        return self.fields is not None or self.content is not None

    @property
    def body_type(self) -> str | None:
        if self.fields is not None:
            return FORM
        named = (value for name, value in self.headers if name.lower() == "content-type")
        return next(named, self.content_type)

    @property
    def is_form(self) -> bool:
        return (self.body_type or "").partition(";")[0].strip().lower() == FORM

    def field(self, name: str) -> str | None:
        """The text of a form's field; the last where it comes twice."""
        fields = self.fields
        if fields is None and self.is_form:
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
    http_version: str = ""
    """Of the answer, such as HTTP/1.0."""
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)
    body: bytes = b""
    """Empty for an event stream that was answered with 200: its events are below."""
    received: bytearray = field(default_factory=bytearray)
    """The body's bytes as far as they came, a stream's too."""
    sent_headers: list[tuple[str, str]] = field(default_factory=list)
    """The request's, as a shell would make them that does not know the token."""
    error: TransferError | None = None
    error_message: str = ""
    began: float = 0.0
    """When it was sent, by time.monotonic()."""
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
    def succeeded(self) -> bool:
        """Whether it was answered with 200, and wholly."""
        return self.status == 200 and self.error is None

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
