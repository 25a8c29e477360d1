"""Server-sent events by the HTML standard, section 9.2 ("Server-sent events").

`encode_event` writes one event; `EventStreamDecoder` reads a stream from chunks cut anywhere.
Names are the standard's: event type, data, last event ID, reconnection time, comment.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One dispatched event."""

    event: str
    """The event type: `message` where the stream named none."""
    data: str
    last_event_id: str = ""
    retry: int | None = None
    """Reconnection time in milliseconds, where this event's block set one."""


def encode_event(event: str, data: str) -> bytes:
    """One event block. `event` may hold no line end; `data` may: each line gets its own field."""
    if "\n" in event or "\r" in event:
        raise ValueError(f"event type {event!r}: a line end cannot be sent in it")
    if "\n" in data or "\r" in data:
        data = "\ndata: ".join(_LINE_END.split(data))
    return f"event: {event}\ndata: {data}\n\n".encode()


def encode_json_event(event: str, data: bytes) -> bytes:
    """One event block whose data is JSON in one line, already encoded."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)


def json_of_event(block: bytes) -> bytes:
    """The data of an event block that `encode_json_event` has made."""
    return block[block.index(b"\ndata: ") + 7 : -2]


def encode_comment(text: str = "") -> bytes:
    """A comment, which clients ignore: the standard's keep-alive (section 9.2.7)."""
    return f": {text}\n\n".encode()


MAX_UNKNOWN = 100
"""Of so many unknown fields the names are kept."""

MAX_RETRY = 10**15
"""Milliseconds: a reconnection time beyond that (30,000 years) is read as that."""


class EventStreamDecoder:
    """Interpret an event stream incrementally (section 9.2.6).

    Feed it chunks cut anywhere, also inside a character or a CRLF; it returns the events that
    each completed, in a time that is linear in the bytes, however they are cut. After the last
    chunk call `end`. The standard discards an event whose block was not closed by a blank line;
    `incomplete` then says so. It replaces bytes that are no UTF-8; `invalid_utf8` then says so.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._line = io.StringIO()
        """A line that has not ended yet; a list of pieces would be many times its size."""
        self._after_cr = False
        """Whether a CR has ended a line, so that a LF right after it ends none."""
        self._at_start = True
        self._event = ""
        self._data: list[str] = []
        self._last_event_id = ""
        self._retry: int | None = None
        self.comments = 0
        """How many comment lines came."""
        self.unknown_fields: set[str] = set()
        self.invalid_utf8 = False
        self.incomplete = False
        """Whether the stream ended within an event that has data, or the beginning of its data
        field: it is lost. A comment, an `event`, `id` or `retry` alone is no event."""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes."""
        return self._receive(chunk, final=False)

    def end(self) -> list[ServerSentEvent]:
        """The stream is over. Returns what a half character at its end has completed: nothing, as
        that ends no line."""
        events = self._receive(b"", final=True)
        field, _, _ = self._line.getvalue().partition(":")
        self.incomplete = bool(self._data or (field and "data".startswith(field)))
        return events

    def _receive(self, chunk: bytes, *, final: bool) -> list[ServerSentEvent]:
        text = self._decode(chunk, final)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text.removeprefix(_BOM)
        if self._after_cr:
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r")
        first, *others = _LINE_END.split(text)
        self._line.write(first)
        if not others:
            return []
        *lines, rest = self._line.getvalue(), *others
        self._line = io.StringIO()
        self._line.write(rest)
        return [event for line in lines if (event := self._read(line)) is not None]

    def _decode(self, chunk: bytes, final: bool) -> str:
        try:
            return self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            self.invalid_utf8 = True
            begun, _ = self._decoder.getstate()
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            return self._decoder.decode(begun + chunk, final)

    def _read(self, line: str) -> ServerSentEvent | None:
        """Process a line; the event that it dispatches, if it is a blank one."""
        if not line:
            return self._dispatch()
        field, colon, value = line.partition(":")
        if colon and not field:
            self.comments += 1
            return None
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id":
                if "\0" not in value:
                    self._last_event_id = value
            case "retry":
                if value.isascii() and value.isdigit():
                    # Neither int() nor time has room for any number of digits.
                    digits = value.lstrip("0")
                    self._retry = int(digits or "0") if len(digits) <= 15 else MAX_RETRY
            case _ if len(self.unknown_fields) < MAX_UNKNOWN:
                self.unknown_fields.add(field)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data, retry = self._event, self._data, self._retry
        self._event, self._data, self._retry = "", [], None
        if not data:
            return None
        return ServerSentEvent(event or "message", "\n".join(data), self._last_event_id, retry)
