"""The journal: what was asked and answered, with times, and without secrets."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic, time
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from agentos_contract import __version__
from agentos_contract.document import EVENT_STREAM
from mockserver.http.operations import BLOCKS_KEY

Json = dict[str, Any]

MAX_BYTES = 16 * 1024 * 1024
"""Of all that is remembered; the oldest entries are forgotten."""

MAX_OF_ENTRY = 1024 * 1024
"""Bytes of one request's body, and of one answer; what is beyond is left out, and said to be."""

SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"}
)
REDACTED = "[redacted]"
_LEFT_OUT = "[the rest is left out]"

_OF_ENTRY = 2000


Piece = bytes | tuple[bytes, ...]
"""What was sent at once; where it was several blocks of a stream these, which others keep too."""


@dataclass(eq=False, slots=True)
class Entry:
    """A request with its answer. What comes in and goes out is kept as it is, and read later."""

    id: int
    scope: str
    time: float
    """Seconds since the epoch."""
    method: str
    url: tuple[str, str, bytes, str]
    """Scheme, path, query, and the version of HTTP."""
    headers: tuple[tuple[bytes, bytes], ...]
    received: Sequence[bytes] = field(default_factory=list)
    """A list until the answer is over; then a tuple, which the garbage collector leaves alone."""
    status: int | None = None
    """Of the answer; None: it has not begun."""
    answered: tuple[tuple[bytes, bytes], ...] = ()
    """The answer's headers."""
    sent: Sequence[Piece] = field(default_factory=list)
    """A tuple too, once it is over."""
    times: array[float] = field(default_factory=lambda: array("d"))
    """When each piece was sent: seconds since the request."""
    duration: float | None = None
    run_id: str | None = None
    size: int = _OF_ENTRY
    is_kept: bool = True
    """Whether the journal still has it."""
    is_cut_off: bool = False
    """Whether more came than is remembered."""
    begun: float = field(default_factory=monotonic)

    @property
    def is_stream(self) -> bool:
        return any(
            name == b"content-type" and value.startswith(EVENT_STREAM.encode())
            for name, value in self.answered
        )

    def receive_by(self, receive: Receive) -> Receive:
        """`receive`, with the body noted."""

        async def noted() -> Message:
            message = await receive()
            body = message.get("body") if message["type"] == "http.request" else None
            if body and self._has_room(body):
                assert isinstance(self.received, list), "the answer is over"
                self.received.append(body)
            return message

        return noted

    def send_by(self, send: Send) -> Send:
        """`send`, with the answer noted."""

        async def noted(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                if body and self._has_room(body):
                    assert isinstance(self.sent, list), "the answer is over"
                    self.sent.append(message.get(BLOCKS_KEY, body))
                    self.times.append(monotonic() - self.begun)
            elif message["type"] == "http.response.start":
                self.status = message["status"]
                self.answered = tuple(message["headers"])

        return noted

    def _has_room(self, piece: bytes) -> bool:
        """Whether a piece may be kept; it then counts."""
        if self.size + len(piece) > MAX_OF_ENTRY:
            self.is_cut_off = True
            return False
        self.size += len(piece) + 100
        return True


class Journal:
    """Entries, up to MAX_BYTES."""

    def __init__(self, token: str | None, max_bytes: int = MAX_BYTES) -> None:
        self._token = token
        self._max_bytes = max_bytes
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._last_id = 0
        self.is_shared = False
        """Whether its entries stand beside those of other processes: ids then grow over all."""

    def begin(self, request: Scope, scope: str, now: float) -> Entry:
        """A request comes. `now`: seconds since the epoch."""
        self._last_id += 1
        if self.is_shared:
            self._last_id = max(self._last_id, int(time() * 1_000_000))
        url = (
            request.get("scheme", "http"),
            request["path"],
            request.get("query_string", b""),
            request.get("http_version", "1.1"),
        )
        # Nothing else of it: the request's own objects are not kept alive.
        headers = tuple(request["headers"])
        entry = Entry(self._last_id, scope, now, request["method"], url, headers)
        entry.size += sum([len(name) + len(value) + 100 for name, value in headers])
        self._entries.append(entry)
        self._size += entry.size
        return entry

    def end(self, entry: Entry) -> None:
        """Its answer is over."""
        entry.duration = monotonic() - entry.begun
        entry.received, entry.sent = tuple(entry.received), tuple(entry.sent)
        if entry.is_kept:
            self._size += entry.size - _OF_ENTRY
        while self._size > self._max_bytes and len(self._entries) > 1:
            oldest = self._entries.popleft()
            oldest.is_kept = False
            # What is under way counts as it began.
            self._size -= oldest.size if oldest.duration is not None else _OF_ENTRY

    def of(self, scope: str, since: int = 0) -> Iterator[Entry]:
        """The entries of a scope after the one with that id, the oldest first."""
        return (each for each in self._entries if each.scope == scope and each.id > since)

    def forget(self, scope: str | None) -> None:
        """Forget the entries of a scope; all without one."""
        kept = [] if scope is None else [each for each in self._entries if each.scope != scope]
        for entry in self._entries:
            entry.is_kept = scope is not None and entry.scope != scope
        self._entries = deque(kept)
        self._size = sum(
            each.size if each.duration is not None else _OF_ENTRY for each in self._entries
        )

    # -- as it is shown

    def to_dict(self, entry: Entry) -> Json:
        """The document's JournalEntry."""
        is_stream = entry.is_stream
        _, path, query, _ = entry.url
        answer = None
        if entry.status is not None:
            answer = {
                "status": entry.status,
                "headers": self._headers(entry.answered),
                "body": "" if is_stream else self._text(map(_whole, entry.sent)),
            }
        left_out = [{"time": entry.times[-1], "text": _LEFT_OUT}] if entry.is_cut_off else []
        return {
            "id": entry.id,
            "scope": entry.scope,
            "time": entry.time,
            "duration": entry.duration,
            "run_id": entry.run_id,
            "request": {
                "method": entry.method,
                "path": self._clean(path),
                "query": self._clean(query.decode("latin-1")),
                "headers": self._headers(entry.headers),
                "body": self._text(entry.received),
            },
            "response": answer,
            "frames": [
                {"time": round(seconds, 6), "text": self._text((_whole(piece),))}
                for seconds, piece in zip(entry.times, entry.sent, strict=True)
            ]
            + left_out
            if is_stream
            else [],
        }

    def to_har(self, entries: Iterable[Entry]) -> Json:
        """An HTTP Archive 1.2."""
        return {
            "log": {
                "version": "1.2",
                "creator": {"name": "agentos-mock", "version": __version__},
                "entries": [self._har_entry(entry) for entry in entries],
            }
        }

    def _har_entry(self, entry: Entry) -> Json:
        shown = self.to_dict(entry)
        asked, answered = shown["request"], shown["response"]
        started = datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds")
        scheme, _, _, http = entry.url
        host = next((each["value"] for each in asked["headers"] if each["name"] == "host"), "mock")
        query = f"?{asked['query']}" if asked["query"] else ""
        took = round((entry.duration or 0.0) * 1000, 3)
        first = round(entry.times[0] * 1000, 3) if entry.times else took
        version = f"HTTP/{http}"
        types = {each["name"]: each["value"] for each in asked["headers"]}
        text = "".join(frame["text"] for frame in shown["frames"])
        answered = answered or {"status": 0, "headers": [], "body": ""}
        body = text or answered["body"]
        media_type = next(
            (each["value"] for each in answered["headers"] if each["name"] == "content-type"), ""
        )
        return {
            "startedDateTime": started.replace("+00:00", "Z"),
            "time": took,
            "request": {
                "method": asked["method"],
                "url": f"{scheme}://{host}{asked['path']}{query}",
                "httpVersion": version,
                "cookies": [],
                "headers": asked["headers"],
                "queryString": [
                    {"name": name, "value": value}
                    for name, value in parse_qsl(asked["query"], keep_blank_values=True)
                ],
                "headersSize": -1,
                "bodySize": len(asked["body"].encode()),
                **(
                    {"postData": {"mimeType": types.get("content-type", ""), "text": asked["body"]}}
                    if asked["body"]
                    else {}
                ),
            },
            "response": {
                "status": answered["status"],
                "statusText": _phrase(answered["status"]),
                "httpVersion": version,
                "cookies": [],
                "headers": answered["headers"],
                "content": {"size": len(body.encode()), "mimeType": media_type, "text": body},
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": len(body.encode()),
            },
            "cache": {},
            "timings": {"send": 0, "wait": first, "receive": round(max(0.0, took - first), 3)},
        }

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[Json]:
        return [
            {
                "name": name.decode("latin-1").lower(),
                "value": REDACTED
                if name.decode("latin-1").lower() in SECRET_HEADERS
                else self._clean(value.decode("latin-1")),
            }
            for name, value in headers
        ]

    def _text(self, pieces: Iterable[bytes]) -> str:
        return self._clean(b"".join(pieces).decode("utf-8", "replace"))

    def _clean(self, text: str) -> str:
        """A text without the token."""
        return text.replace(self._token, REDACTED) if self._token else text


def _whole(piece: Piece) -> bytes:
    return piece if isinstance(piece, bytes) else b"".join(piece)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
