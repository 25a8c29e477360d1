"""The mock's throughput beside bare Starlette's, in one run: `python -m benchmarks.throughput`.

Both serve from one process on one core, and answer the same bytes: the mock carries out the
bundled workflow `content-pipeline` (three function steps, 11 events, no delays), Starlette sends
what such a run came to, as a JSONResponse (batch) or a StreamingResponse of the same frames
(stream), after it has read the request's body. The client is another process of this machine,
on keep-alive connections; rounds alternate, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import urlencode

import httpx
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from agentos_contract.sse import EventStreamDecoder, encode_event
from mockserver.app import create_app

PATH = "/workflows/content-pipeline/runs"
FORMS = {
    mode: urlencode({"message": "tea", "stream": flag}).encode()
    for mode, flag in (("batch", "false"), ("stream", "true"))
}


def serve_mock() -> ASGIApp:
    return create_app()


def serve_starlette(body: bytes, frames: list[bytes]) -> ASGIApp:
    """Bare Starlette with the mock's own answers."""
    content = json.loads(body)

    async def run(request: Request) -> Response:
        if b"stream=false" in await request.body():
            return JSONResponse(content)

        async def stream() -> AsyncIterator[bytes]:
            for frame in frames:
                yield frame

        return StreamingResponse(stream(), media_type="text/event-stream")

    return Starlette(routes=[Route("/workflows/{workflow_id}/runs", run, methods=["POST"])])


def _serve(is_fast: bool, answers: tuple[bytes, list[bytes]] | None, pipe: Connection) -> None:
    app = serve_mock() if answers is None else serve_starlette(*answers)
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    # As `mockserver serve` does it; for both alike.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    pipe.send(listener.getsockname()[1])
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        loop="uvloop" if is_fast else "asyncio",
        http="httptools" if is_fast else "h11",
    )
    uvicorn.Server(config).run(sockets=[listener])


class Server:
    """One of the two, in a process of its own."""

    def __init__(self, is_fast: bool, answers: tuple[bytes, list[bytes]] | None = None) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(is_fast, answers, theirs))
        self._process.start()
        self.port: int = ours.recv()

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


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

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_whole():
            return
        assert self._received.startswith(b"HTTP/1.1 200"), bytes(self._received[:200])
        self._received.clear()
        self.answers += 1
        if time.monotonic() < self._deadline:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self._done.set_result(None)

    def _is_whole(self) -> bool:
        if self._received.endswith(b"\r\n0\r\n\r\n"):
            return True
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line[15:])
        return False


async def _load(port: int, mode: str, seconds: float, connections: int) -> float:
    """Requests a second."""
    loop = asyncio.get_running_loop()
    form = FORMS[mode]
    request = (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\n"
        "content-type: application/x-www-form-urlencoded\r\n"
        f"content-length: {len(form)}\r\n\r\n"
    ).encode() + form
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--plain", action="store_true", help="both on asyncio and h11, not on uvloop and httptools"
    )
    arguments = parser.parse_args()
    mock = Server(not arguments.plain)
    url = f"http://127.0.0.1:{mock.port}{PATH}"
    body = httpx.post(url, content=FORMS["batch"], headers=_FORM_HEADERS).content
    decoder = EventStreamDecoder()
    raw = httpx.post(url, content=FORMS["stream"], headers=_FORM_HEADERS).content
    frames = [encode_event(event.event, event.data) for event in decoder.feed(raw)]
    starlette = Server(not arguments.plain, (body, frames))
    try:
        for mode in FORMS:
            ratios, rates = [], []
            for _ in range(arguments.rounds):
                pair = [
                    uvloop.run(_load(server.port, mode, arguments.seconds, arguments.connections))
                    for server in (mock, starlette)
                ]
                rates.append(pair)
                ratios.append(pair[0] / pair[1])
            ours, theirs = (statistics.median(rate) for rate in zip(*rates, strict=True))
            print(
                f"{mode:6}  mock {ours:7.0f} req/s   bare Starlette {theirs:7.0f} req/s   "
                f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            )
    finally:
        mock.stop()
        starlette.stop()


_FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded"}

if __name__ == "__main__":
    main()
