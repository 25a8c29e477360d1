"""What throughput is measured of: the mock, its peers, and what it is built on, each in a process.

All but aimock, which knows model providers alone, are asked for the same workflow run by the same
form. What they answer differs:

    mock             the bundled workflow `content-pipeline` is carried out: three steps, 11 events
    bare Starlette   the mock's own answers, read from memory: a JSONResponse, a StreamingResponse
    stock Connexion  that JSON, from a function behind Connexion's AsyncApp, its validation on
    Prism            that JSON, as the example of the document; it streams nothing
    aimock           a chat completion of three sentences; streamed in 11 chunks
    AgentOS 2.5.6    the same workflow, carried out by the real server without models
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import uvicorn
from connexion import AsyncApp
from connexion.resolver import Resolver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from mockserver.app import create_app
from mockserver.connections import Limits, protocols
from mockserver.script.loader import BUNDLED_SCRIPTS

PATH = "/workflows/content-pipeline/runs"
MODES = ("batch", "stream")
ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers" / "node_modules" / ".bin"
AGENTOS = ROOT / ".venv-agentos" / "bin" / "python"

_START = 60.0
"""Seconds within which a server must be there."""


@dataclass(frozen=True)
class Server:
    """One that is there to be asked."""

    name: str
    port: int
    requests: Mapping[str, bytes]
    """By mode, as they are sent."""


def post(path: str, media_type: str, body: bytes) -> bytes:
    """A POST request as it is sent."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


FORMS = {
    mode: post(
        PATH,
        "application/x-www-form-urlencoded",
        urlencode({"message": "tea", "stream": flag}).encode(),
    )
    for mode, flag in (("batch", "false"), ("stream", "true"))
}


# -- in Python, by uvicorn


@contextlib.contextmanager
def mock() -> Iterator[Server]:
    """The mock, as `mockserver serve` has it."""
    with _served("mock", create_app, FORMS, http=protocols(Limits())[0]) as server:
        yield server


@contextlib.contextmanager
def starlette(body: bytes, frames: list[bytes]) -> Iterator[Server]:
    """Bare Starlette with these answers."""
    content = json.loads(body)

    async def run(request: Request) -> Response:
        if b"stream=false" in await request.body():
            return JSONResponse(content)

        async def stream() -> AsyncIterator[bytes]:
            for frame in frames:
                yield frame

        return StreamingResponse(stream(), media_type="text/event-stream")

    def application() -> ASGIApp:
        return Starlette(routes=[Route("/workflows/{workflow_id}/runs", run, methods=["POST"])])

    with _served("bare Starlette", application, FORMS) as server:
        yield server


def _document(version: str, content: Any) -> dict[str, Any]:
    """The run operation as small as it can be said, with its answer as an example."""
    properties = {"message": {"type": "string"}, "stream": {"type": "boolean"}}
    form = {"type": "object", "required": ["message"], "properties": properties}
    answer = {"schema": {"type": "object"}, "example": content}
    name = {"name": "workflow_id", "in": "path", "required": True, "schema": {"type": "string"}}
    operation = {
        "operationId": "run",
        "parameters": [name],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": {"description": "A run.", "content": {"application/json": answer}},
        },
    }
    return {
        "openapi": version,
        "info": {"title": "Runs", "version": "1"},
        "paths": {"/workflows/{workflow_id}/runs": {"post": operation}},
    }


@contextlib.contextmanager
def connexion(body: bytes) -> Iterator[Server]:
    """Connexion as it comes: its routing and validation, a function that answers."""
    content = json.loads(body)

    async def run(workflow_id: str, body: Any) -> tuple[Any, int]:
        return content, 200

    def application() -> ASGIApp:
        app = AsyncApp(__name__)
        app.add_api(_document("3.0.3", content), resolver=Resolver(lambda operation_id: run))
        made: ASGIApp = app
        return made

    with _served("stock Connexion", application, {"batch": FORMS["batch"]}) as server:
        yield server


@contextlib.contextmanager
def _served(
    name: str,
    application: Callable[[], ASGIApp],
    requests: Mapping[str, bytes],
    *,
    http: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
) -> Iterator[Server]:
    ours, theirs = multiprocessing.Pipe()
    # Forked: it need not be told what to serve.
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(application, theirs, http)
    )
    process.start()
    try:
        yield Server(name, ours.recv(), requests)
    finally:
        process.terminate()
        process.join()


def _serve(
    application: Callable[[], ASGIApp],
    pipe: Connection,
    http: type[asyncio.Protocol] | Literal["httptools"],
) -> None:
    app = application()
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    # As `mockserver serve` does it; for all alike.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    pipe.send(listener.getsockname()[1])
    config = uvicorn.Config(app, log_level="error", access_log=False, loop="uvloop", http=http)
    uvicorn.Server(config).run(sockets=[listener])


# -- other programs


@contextlib.contextmanager
def prism(body: bytes) -> Iterator[Server]:
    """Prism: the example of a document."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(_document("3.1.0", json.loads(body))))
        port = _free_port()
        command = [str(PEERS / "prism"), "mock", str(document), "--port", str(port)]
        with _running([*command, "--verboseLevel", "silent"], port):
            yield Server("Prism", port, {"batch": FORMS["batch"]})


@contextlib.contextmanager
def aimock() -> Iterator[Server]:
    """aimock: a chat completion, whole and in as many chunks as the workflow has events."""
    answer = "An outline about tea. A draft about tea, of some length. The article about tea."
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "tea"}]}
    fixture = {
        "match": {"userMessage": "tea"},
        "response": {"content": answer},
        "chunkSize": -(-len(answer) // 9),  # its first and last have no text
    }
    with tempfile.TemporaryDirectory() as folder:
        fixtures = Path(folder) / "fixtures.json"
        fixtures.write_text(json.dumps({"fixtures": [fixture]}))
        port = _free_port()
        command = [str(PEERS / "llmock"), "-p", str(port), "-f", str(fixtures)]
        with _running([*command, "--log-level", "silent"], port):
            requests = {
                mode: post(
                    "/v1/chat/completions",
                    "application/json",
                    json.dumps({**request, "stream": mode == "stream"}).encode(),
                )
                for mode in MODES
            }
            yield Server("aimock", port, requests)


@contextlib.contextmanager
def workers(number: int, store: str) -> Iterator[Server]:
    """`agentos-mock serve --workers NUMBER --store STORE`."""
    port = _free_port()
    command = [sys.executable, "-m", "mockserver", "serve", "--port", str(port), "--store", store]
    with _running([*command, "--workers", str(number), "--log-level", "warning"], port):
        yield Server(f"{number} workers", port, FORMS)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis that keeps nothing; its URL."""
    port = _free_port()
    with _running(["redis-server", "--port", str(port), "--save", ""], port):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def agentos() -> Iterator[Server]:
    """The real AgentOS 2.5.6, of .venv-agentos."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(BUNDLED_SCRIPTS / "content-pipeline.yaml", folder)
        port = _free_port()
        command = [str(AGENTOS), "-m", "scripted_agentos", "--workflows", folder]
        with _running([*command, "--port", str(port)], port):
            yield Server("AgentOS 2.5.6", port, FORMS)


def why_not(peer: Callable[..., Any]) -> str | None:
    """Why a peer cannot be measured on this machine; None: it can."""
    if peer in (prism, aimock) and not PEERS.exists():
        return "needs `npm ci` in benchmarks/peers"
    if peer is agentos and not AGENTOS.exists():
        return "needs `make agentos`"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    """A program, once it listens. Raises TimeoutError, RuntimeError where it ends before."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _START
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with exit code {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} does not listen after {_START:g} s")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit("python -m benchmarks.throughput measures these")
