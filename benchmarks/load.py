"""A client that asks as fast as it is answered, on keep-alive connections, in one process."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import cast


async def load(port: int, request: bytes, seconds: float, connections: int) -> float:
    """Requests a second that a server of this machine answers, each connection with one at a time.

    Raises AssertionError for an answer other than 200, TimeoutError where one does not end.
    """
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    callers = []
    waits = []
    for _ in range(connections):
        done = loop.create_future()
        caller = _Caller(request, started + seconds, done)
        connection = socket.create_connection(("127.0.0.1", port))
        await loop.create_connection(caller.itself, sock=connection)
        callers.append(caller)
        waits.append(done)
    await asyncio.wait_for(asyncio.gather(*waits), seconds + 30)
    return sum(caller.answers for caller in callers) / (time.monotonic() - started)


class _Caller(asyncio.Protocol):
    """Sends one request after the other on one connection, and counts the answers."""

    def __init__(self, request: bytes, deadline: float, done: asyncio.Future[None]) -> None:
        self._request = request
        self._deadline = deadline
        self._done = done
        self._received = bytearray()
        self.answers = 0

    def itself(self) -> _Caller:
        """The protocol factory of its connection."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or AssertionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_whole(self._received):
            return
        if not self._received.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(AssertionError(bytes(self._received[:200])))
            self._transport.close()
            return
        self._received.clear()
        self.answers += 1
        if time.monotonic() < self._deadline:
            self._transport.write(self._request)
        else:
            self._done.set_result(None)
            self._transport.close()


def _is_whole(received: bytearray) -> bool:
    """Whether an answer has come to its end (RFC 9112 sections 6.2, 7.1)."""
    if received.endswith(b"\r\n0\r\n\r\n"):
        return True
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    return False
