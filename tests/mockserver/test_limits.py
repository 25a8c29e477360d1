"""What a caller may use up: each limit, the answer beyond it, and what goes on as before."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mockserver.app import MockServer, Settings, create_app
from mockserver.control.changes import Changes
from mockserver.runner.hooks import RunRequest
from mockserver.runner.runner import Runner
from mockserver.script.loader import load_text
from mockserver.sessions.memory import MemoryStore
from tests.mockserver.cli.test_cli import rest_of, started

SCRIPT = """
id: held
name: Held
steps:
  - type: Step
    name: wait
    executor_ref: wait
    mock: {gate: never}
"""
RUNS = "/workflows/held/runs"


def mock(**settings: Any) -> MockServer:
    return create_app(Settings(workflows={"held": load_text(SCRIPT, "held.yaml")}, **settings))


def asked(app: MockServer, ask: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]) -> Any:
    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://mock") as client:
            return await ask(client)

    return asyncio.run(run())


def events(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event:")]


def occupied(app: MockServer) -> None:
    """One run is under way, that nobody carries out."""
    asyncio.run(app.runner.start(RunRequest(app.scripts.workflows["held"], "x")))


EXPECTED = "1 runs are under way, the most that may be at one time; serve --max-runs allows more"


@pytest.mark.parametrize("stream", ["true", "false"])
def test_one_run_too_many_is_answered_503(stream: str) -> None:
    app = mock(max_runs=1)
    occupied(app)
    form = {"message": "x", "stream": stream}
    answer = asked(app, lambda client: client.post(RUNS, data=form))
    assert answer.status_code == 503
    assert answer.json()["detail"] == EXPECTED
    assert answer.headers["retry-after"] == "1"
    assert len(app.runner.under_way()) == 1


def test_one_run_too_many_over_the_websocket_is_an_error() -> None:
    app = mock(max_runs=1)
    occupied(app)
    with TestClient(app).websocket_connect("/workflows/ws") as socket:
        socket.receive_text()
        for _ in range(3):
            socket.send_json({"action": "start-workflow", "workflow_id": "held", "message": "x"})
            assert json.loads(socket.receive_text()) == {"event": "error", "error": EXPECTED}
    assert len(app.runner.under_way()) == 1


def test_one_that_waits_before_it_starts_over_the_websocket_counts() -> None:
    app = mock(max_runs=1)
    start = {"action": "start-workflow", "workflow_id": "held", "message": "x"}
    with TestClient(app, base_url="http://localhost") as client:
        client.post("/__mock__/rules", json={"answer": {"delay": 3600, "status": 503}})
        with client.websocket_connect("/workflows/ws") as socket:
            socket.receive_text()
            for _ in range(2):
                socket.send_json(start)
            said = json.loads(socket.receive_text())
    assert said == {"event": "error", "error": EXPECTED}


def test_a_message_that_is_no_text_is_counted_too() -> None:
    app = mock(max_memory=100_000)
    start = {"action": "start-workflow", "workflow_id": "held", "message": ["x" * 100_000]}
    with TestClient(app).websocket_connect("/workflows/ws") as socket:
        socket.receive_text()
        socket.send_json(start)
        while "StepStarted" not in socket.receive_text():
            pass
        socket.send_json(start)
        assert "serve --max-memory allows more" in socket.receive_text()


def test_none_starts_while_those_under_way_hold_too_much() -> None:
    app = mock(max_memory=100_000)

    async def ask(client: httpx2.AsyncClient) -> httpx2.Response:
        form = {"message": "x" * 100_000, "stream": "false"}
        held = asyncio.create_task(client.post(RUNS, data=form))
        while not app.runner.under_way():  # noqa: ASYNC110 - turns of this loop, and no time
            await asyncio.sleep(0)
        refused = await client.post(RUNS, data={"message": "x"})
        app.runner.fail_all("enough")
        await held
        await app.runner.start(RunRequest(app.scripts.workflows["held"], "x"))
        return refused

    answer = asked(app, ask)
    assert answer.status_code == 503
    assert "the 1 runs under way were asked and have said 100,000 bytes" in answer.json()["detail"]
    assert "serve --max-memory allows more" in answer.json()["detail"]


def test_a_run_that_ended_makes_room() -> None:
    app = mock(max_runs=1, max_run_time=0.01)

    async def twice(client: httpx2.AsyncClient) -> httpx2.Response:
        await client.post(RUNS, data={"message": "x"})
        return await client.post(RUNS, data={"message": "x"})

    assert asked(app, twice).status_code == 200


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_run_that_takes_too_long_fails(stream: str) -> None:
    form = {"message": "x", "stream": stream}
    answer = asked(mock(max_run_time=0.01), lambda client: client.post(RUNS, data=form))
    error = "the run took more than 0.01 seconds, the most that one may"
    assert error in answer.text
    if stream == "true":
        assert events(answer.text) == ["WorkflowStarted", "StepStarted", "WorkflowError"]
    else:
        assert answer.status_code == 500


def test_a_longer_body_is_answered_413() -> None:
    form = {"message": "x" * 1000}
    answer = asked(mock(max_body=1000), lambda client: client.post(RUNS, data=form))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the body is longer than 1000 bytes"


def test_a_run_whose_start_cannot_be_kept_is_not_under_way() -> None:
    class Broken(MemoryStore):
        async def save(self, *arguments: Any, **more: Any) -> Any:
            raise OSError("no space left")

        def scoped(self, scope: str) -> Broken:
            return self

    runner = Runner(Broken())
    request = RunRequest(load_text(SCRIPT, "held.yaml"), "x", is_background=True)
    with pytest.raises(OSError, match="no space left"):
        asyncio.run(runner.start(request))
    assert runner.under_way() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_under_way_at_the_end_is_ended_by_the_protocol(
    number: signal.Signals, tmp_path: Any
) -> None:
    (tmp_path / "held.yaml").write_text(SCRIPT)
    process, url, _ = started("--workflows", str(tmp_path))
    form = {"message": "x"}

    half = socket.create_connection(("127.0.0.1", httpx2.URL(url).port or 0), timeout=30)
    half.sendall(f"POST {RUNS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nme".encode())

    async def ask() -> tuple[str, httpx2.Response]:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            data = {**form, "stream": "false"}
            async with client.stream("POST", RUNS, data=form) as answer:
                text = answer.aiter_text()
                said = ""
                while "StepStarted" not in said:
                    said += await anext(text)
                batch = asyncio.create_task(client.post(RUNS, data=data))
                while len((await client.get("/__mock__/runs")).json()) < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                process.send_signal(number)
                # A stream that is broken off raises here: it has no final chunk.
                return said + "".join([piece async for piece in text]), await batch

    ws = f"ws{url.removeprefix('http')}/workflows/ws"
    with connect(ws) as idle, connect(ws) as followed:
        start = {"action": "start-workflow", "workflow_id": "held", "message": "x"}
        followed.send(json.dumps(start))
        while "StepStarted" not in str(followed.recv()):
            pass
        said, batch = asyncio.run(ask())
        assert events(str(followed.recv())) == ["WorkflowError"]
        for socket_ in (idle, followed):
            with pytest.raises(ConnectionClosed) as closed:
                list(iter(socket_.recv, None))
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert events(said) == ["WorkflowStarted", "StepStarted", "WorkflowError"]
    assert '"error":"the server is shutting down"' in said
    assert batch.status_code == 500
    assert batch.json()["detail"] == "Error running workflow: the server is shutting down"
    with half:
        refused = half.makefile("rb").read()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b'"detail":"the server is shutting down"' in refused
    rest_of(process, 0)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_follows_what_happens_is_told_the_end(workers: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mock.db'}"
    process, url, _ = started("--store", store, "--workers", workers)
    with httpx2.stream("GET", f"{url}/__mock__/feed", timeout=30) as feed:
        text = feed.iter_text()
        assert next(text).startswith(":")
        process.send_signal(signal.SIGTERM)
        assert list(text) == []  # where it is broken off there is no final chunk, and this raises
    rest_of(process, 0)


def test_who_waits_at_the_end_waits_no_more() -> None:
    changes = Changes()

    def nothing() -> str | None:
        return None

    async def wait() -> None:
        waiting = asyncio.create_task(changes.until(nothing, 3600))
        await asyncio.sleep(0)
        changes.end()
        assert await waiting is None
        assert await changes.until(nothing, 3600) is None
        assert await changes.until(lambda: "there", 3600) == "there"

    asyncio.run(wait())
