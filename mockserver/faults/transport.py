"""Site transport: the response's bytes come otherwise, in a way that is not plain enough for a
rule."""

from __future__ import annotations

import asyncio
import zlib

from mockserver.faults.exchange import Wire
from mockserver.faults.registry import on_chunk

COMMENT_SECONDS = 0.05
"""Between two comments of a stream that never ends."""

BUFFER = 8 * 1024
"""Bytes that a proxy waits for which holds streams back."""


@on_chunk("sse.comments-for-ever", on="stream")
async def comments_for_ever(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        while not wire.has_client_left():
            await wire.write(b": still here\n\n")
            await asyncio.sleep(COMMENT_SECONDS)
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.events-for-ever", on="stream")
async def events_for_ever(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_at_end:
        custom = b'event: CustomEvent\ndata: {"event":"CustomEvent"}\n\n' * 100
        while not wire.has_client_left():
            await wire.write(custom)
            await asyncio.sleep(0)
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.burst", on="stream")
async def all_at_once(chunk: bytes, is_last: bool, wire: Wire) -> None:
    await _held_back(chunk, is_last, wire, None)


@on_chunk("sse.buffered", on="stream")
async def buffered(chunk: bytes, is_last: bool, wire: Wire) -> None:
    await _held_back(chunk, is_last, wire, BUFFER)


async def _held_back(chunk: bytes, is_last: bool, wire: Wire, size: int | None) -> None:
    """Write a stream once so many bytes have come; None: once all have."""
    held: bytearray = wire.notes.setdefault("held", bytearray())
    held += chunk
    if is_last or not wire.response.is_stream or (size is not None and len(held) >= size):
        piece = bytes(held)
        held.clear()
        await wire.write(piece, is_last=is_last)


@on_chunk("batch.trickles", on="batch")
async def batch_trickles(chunk: bytes, is_last: bool, wire: Wire) -> None:
    if wire.response.is_batch and wire.response.request.field("user_id"):
        wire.response.set_header("content-length", None)
        while not wire.has_client_left():
            await wire.write(b" ")
            await asyncio.sleep(COMMENT_SECONDS)
    await wire.write(chunk, is_last=is_last)


@on_chunk("sse.compressed-held", on="stream")
async def compressed_and_held(chunk: bytes, is_last: bool, wire: Wire) -> None:
    await _compressed(chunk, is_last, wire, zlib.Z_NO_FLUSH)


@on_chunk("sse.compressed", on="stream")
async def compressed(chunk: bytes, is_last: bool, wire: Wire) -> None:
    await _compressed(chunk, is_last, wire, zlib.Z_SYNC_FLUSH)


async def _compressed(chunk: bytes, is_last: bool, wire: Wire, flush: int) -> None:
    response = wire.response
    if not response.is_stream or "gzip" not in (response.request.header("accept-encoding") or ""):
        await wire.write(chunk, is_last=is_last)
        return
    if "packer" not in wire.notes:
        wire.notes["packer"] = zlib.compressobj(wbits=31)
        response.set_header("content-encoding", "gzip")
    packer = wire.notes["packer"]
    piece = packer.compress(chunk)
    await wire.write(piece + packer.flush(zlib.Z_FINISH if is_last else flush), is_last=is_last)
