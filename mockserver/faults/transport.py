"""Site transport: the response's bytes come otherwise, or not at all."""

from __future__ import annotations

import asyncio

from mockserver.faults.exchange import Wire
from mockserver.faults.registry import on_chunk

COMMENT_SECONDS = 0.05
"""Between two comments of a stream that never ends."""

BUFFER = 8 * 1024
"""Bytes that a proxy waits for which holds streams back."""


# -- streams


@on_chunk("sse.cut-in-event")
async def cut_in_the_first_event(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_stream:
        await wire.write(chunk[: len(chunk) // 2])
        wire.cut()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.cut-before-end")
async def cut_before_the_last_event(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        wire.cut()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.cut-after-end")
async def cut_after_the_last_event(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_stream and is_last:
        wire.cut()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.silent-from-start")
async def silent_from_the_start(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_stream:
        await wire.write(b"")
        await wire.hang()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.silent-before-end")
async def silent_before_the_last_event(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        await wire.hang()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.left-open")
async def left_open(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_stream and is_last:
        await wire.write(chunk)
        await wire.hang()
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.comments-for-ever")
async def comments_for_ever(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        while not wire.has_client_left():
            await wire.write(b": still here\n\n")
            await asyncio.sleep(COMMENT_SECONDS)
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.events-for-ever")
async def events_for_ever(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        custom = b'event: CustomEvent\ndata: {"event":"CustomEvent"}\n\n' * 100
        while not wire.has_client_left():
            await wire.write(custom)
            await asyncio.sleep(0)
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.burst")
async def all_at_once(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if not wire.response.is_stream:
        await wire.write(chunk, is_last=is_last)
        return
    held: bytearray = wire.notes.setdefault("held", bytearray())
    held += chunk
    if is_last:
        await wire.write(bytes(held), is_last=True)


@on_chunk("sse.buffered")
async def buffered(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if not wire.response.is_stream:
        await wire.write(chunk, is_last=is_last)
        return
    held: bytearray = wire.notes.setdefault("held", bytearray())
    held += chunk
    if is_last or len(held) >= BUFFER:
        piece = bytes(held)
        held.clear()
        await wire.write(piece, is_last=is_last)


# -- batch runs and errors


@on_chunk("batch.trickles")
async def batch_trickles(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_batch and wire.response.request.field("user_id"):
        wire.response.set_header("content-length", None)
        while not wire.has_client_left():
            await wire.write(b" ")
            await asyncio.sleep(COMMENT_SECONDS)
    await wire.write(chunk, is_last=is_last)


@on_chunk("batch.hangs")
async def batch_never_comes(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_batch and wire.response.request.field("user_id"):
        await wire.hang()
    await wire.write(chunk, is_last=is_last)


@on_chunk("batch.cut")
async def batch_cut(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_batch and wire.response.request.field("user_id"):
        await wire.write(chunk[: len(chunk) // 2])
        wire.cut()
    await wire.write(chunk, is_last=is_last)


@on_chunk("error.hangs")
async def binaries_hang(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_error and wire.response.request.media_type == "application/octet-stream":
        await wire.hang()
    await wire.write(chunk, is_last=is_last)


@on_chunk("error.cut")
async def errors_cut(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_error and wire.response.request.media_type == "application/octet-stream":
        await wire.write(chunk[: len(chunk) // 2])
        wire.cut()
    await wire.write(chunk, is_last=is_last)
