"""Servers that are something else altogether: a verdict within the time-outs, never a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.conftest import Serve
from tests.contract_tests.conftest import run_cli

TIMEOUTS = ("--idle-timeout", "0.4", "--total-timeout", "0.8")


async def says_yes(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("ok")(scope, receive, send)


async def streams_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    async def events() -> AsyncIterator[bytes]:
        while True:
            yield b'event: RunContent\ndata: {"event": "RunContent"}\n\n'
            await asyncio.sleep(0.001)

    headers = {"content-type": "text/event-stream"}
    await StreamingResponse(events(), headers=headers)(scope, receive, send)


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def hangs_in_runs(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows one workflow, and never answers a run of it."""
    request = Request(scope, receive)
    if request.method == "GET":
        response = Response('[{"id": "w"}]', media_type="application/json")
    elif "/w/" not in request.url.path:
        response = Response('{"detail": "no"}', 404, media_type="application/json")
    else:
        await request.body()
        await hangs(scope, receive, send)
        return
    await response(scope, receive, send)


@contextlib.contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Closing alone does not wake accept().
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def closes_at_once(connection: socket.socket) -> None:
    connection.recv(1)


def talks_nonsense(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def drips_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("app", "arguments", "code", "says"),
    [
        (says_yes, (), 2, "--workflow"),
        (says_yes, ("--workflow", "w"), 1, ""),
        (hangs, (), 2, "does not answer"),
        (hangs, ("--workflow", "w"), 2, "does not answer"),
        (hangs_in_runs, (), 1, ""),
        (streams_for_ever, (), 2, "--workflow"),
        (streams_for_ever, ("--workflow", "w"), 1, ""),
    ],
)
@pytest.mark.parametrize("command", [(), ("drift",)], ids=["judge", "drift"])
def test_another_server_gets_a_verdict(
    app: Any,
    arguments: tuple[str, ...],
    code: int,
    says: str,
    stage: Serve,
    command: tuple[str, ...],
) -> None:
    started = time.monotonic()
    result = run_cli(*command, stage(app), *arguments, *TIMEOUTS, "--max-runs", "20")
    assert result.exit_code == code, result.output
    assert time.monotonic() - started < 20
    if code == 2:
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
    else:
        assert not result.stderr


@pytest.mark.parametrize("answer", [closes_at_once, talks_nonsense, drips_headers])
@pytest.mark.parametrize("command", [(), ("drift",)], ids=["judge", "drift"])
def test_what_is_no_http_is_said_so(
    answer: Callable[[socket.socket], None], command: tuple[str, ...]
) -> None:
    with raw_server(answer) as url:
        result = run_cli(*command, url, *TIMEOUTS)
    assert result.exit_code == 2
    assert result.stderr.startswith("contract-tests: http://")
    assert result.stderr.count("\n") == 1


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = run_cli(f"http://127.0.0.1:{port}")
    assert result.exit_code == 2
    assert "nothing listens there" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unrelated_server_from_the_shell() -> None:
    """Python's own file server, and the real command in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().rpartition("(")[2].partition("/)")[0]
        done = subprocess.run(
            [sys.executable, "-m", "contract_tests", url, "--workflow", "w"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.terminate()
        server.communicate()
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr
