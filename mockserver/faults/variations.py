"""Variations: what a server may do otherwise, and fragile clients break on."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from mockserver.faults.exchange import Answer, Wire
from mockserver.faults.register import Story, answered, carried, framed, told
from mockserver.run_actions import Event

# -- framing


@framed("sse.crlf")
def crlf(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"\n", b"\r\n")


@framed("sse.no-space")
def no_space(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"^(event|data|id|retry): ", rb"\1:", chunk, flags=re.MULTILINE)


# -- chunks


@carried("sse.chunks-anywhere")
async def chunks_anywhere(chunk: bytes, is_last: bool, wire: Wire) -> None:
    """Pieces of 1 to 100 bytes, the same each time."""
    source = wire.notes.setdefault("random", random.Random(7))
    while wire.answer.is_stream and len(chunk) > 1:
        size = source.randint(1, 100)
        await wire.write(chunk[:size])
        chunk = chunk[size:]
    await wire.write(chunk, is_last=is_last)


# -- events and bodies


@told("event.extra-members")
def extra_members(event: Event, story: Story) -> Iterable[Event]:
    return [{**event, "nested_depth": 0, "x_vendor": {"region": "north"}}]


@told("event.custom")
def custom_events(event: Event, story: Story) -> Iterable[Event]:
    if not story.said:
        return [event]
    return [{"event": "CustomEvent", "created_at": event.get("created_at"), "note": 1}, event]


@answered("error.unknown-code")
def unknown_error_code(answer: Answer) -> None:
    body = answer.json if answer.is_error else None
    if isinstance(body, dict):
        answer.json = {**body, "error_code": "E_4711"}


@answered("http.extra-headers")
def extra_headers(answer: Answer) -> None:
    answer.headers += [(b"x-request-id", b"1"), (b"server-timing", b"app;dur=1")]
