"""Processes that share a store: a run of one is cancelled, read and followed from another."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from mockserver.http import websocket
from mockserver.runner import peers
from mockserver.runner.hooks import RunRequest
from mockserver.runner.runner import Runner
from mockserver.sessions.records import INTERRUPTED
from mockserver.sessions.redis_store import RedisStore
from mockserver.sessions.sqlite import SqliteStore
from mockserver.sessions.store import SessionStore
from tests.mockserver.sessions.served import Served

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


Mocks = Callable[[], Awaitable[Served]]


@pytest.fixture(params=["sqlite", "redis"])
async def another(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Mocks]:
    """Makes a mock, one on one store with those before it."""
    monkeypatch.setattr(peers, "SECONDS_TO_ANSWER", 60)  # all are there, however slow
    stores: list[SessionStore] = []

    async def make() -> Served:
        store: SessionStore
        if request.param == "sqlite":
            store = SqliteStore(tmp_path / "mock.db")
        else:
            store = RedisStore(request.getfixturevalue("empty_redis"))
        stores.append(store)
        mock = Served(store)
        await mock.app.open()
        return mock

    if request.param == "redis":
        request.getfixturevalue("empty_redis")
    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def three(another: Mocks) -> list[Served]:
    return [await another() for _ in range(3)]


def events(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event:")]


async def the_run(mock: Served) -> Any:
    """The run that waits at the gate."""
    await mock.at_gate()
    (run,) = (await mock.client.get("/__mock__/runs")).json()
    return run


async def read(mock: Served, run: Any) -> Any:
    path, session = f"/workflows/w/runs/{run['run_id']}", {"session_id": run["session_id"]}
    return (await mock.client.get(path, params=session)).json()


async def test_a_run_is_read_and_cancelled_from_others(three: list[Served]) -> None:
    one, two, three_ = three
    stream = asyncio.create_task(one.run())
    run = await the_run(one)
    found = await read(two, run)
    assert found["status"] == "RUNNING"
    assert [event["event"] for event in found["events"]] == ["WorkflowStarted", "StepStarted"]
    listed = await two.client.get(
        f"/sessions/{run['session_id']}/runs", params={"type": "workflow"}
    )
    assert [each["status"] for each in listed.json()] == ["RUNNING"]
    answer = await two.client.post(f"/workflows/w/runs/{run['run_id']}/cancel")
    assert (answer.status_code, answer.json()) == (200, {})
    assert events((await stream).text)[-1] == "WorkflowCancelled"
    assert (await read(three_, run))["status"] == "CANCELLED"


async def test_a_run_that_was_cancelled_before_it_starts_ends_wherever_it_is_started(
    three: list[Served],
) -> None:
    one, two, _ = three
    await two.client.post("/workflows/w/runs/mine/cancel")

    async def status(mock: Served) -> str:
        runner: Runner = mock.app.runner
        request = RunRequest(mock.app.scripts.workflows["w"], "x", run_id="mine")
        active = await runner.start(request)
        active.scope.released.add("go")
        await runner.batch(active)
        return active.run.status

    assert one.app.runner.sharing is not None
    await one.app.runner.sharing.peers.ask("anything")  # the others have heard what came before
    assert await status(one) == "CANCELLED"
    await one.app.runner.sharing.peers.ask("anything")
    assert [await status(mock) for mock in three] == ["COMPLETED"] * 3


class Socket:
    """A client of a mock's websocket."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.received: asyncio.Queue[Any] = asyncio.Queue()

    async def say(self, **message: Any) -> None:
        await self.sent.put({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> Any:
        """The next message; an event by its name."""
        message = await asyncio.wait_for(self.received.get(), 30)
        data = message["text"].partition("\ndata: ")[2] or message["text"]
        return json.loads(data)

    async def until(self, event: str) -> list[Any]:
        heard = [await self.hear()]
        while heard[-1].get("event") != event:
            heard.append(await self.hear())
        return heard


@contextlib.asynccontextmanager
async def connected(app: ASGIApp) -> AsyncIterator[Socket]:
    socket = Socket()
    scope = {"type": "websocket", "path": "/workflows/ws", "headers": [], "query_string": b""}
    await socket.sent.put({"type": "websocket.connect"})
    task = asyncio.ensure_future(app(scope, socket.sent.get, socket.received.put))
    assert (await socket.received.get())["type"] == "websocket.accept"
    assert (await socket.hear())["event"] == "connected"
    yield socket
    await socket.sent.put({"type": "websocket.disconnect", "code": 1000})
    await task


async def test_a_run_is_followed_from_another(three: list[Served]) -> None:
    one, two, three_ = three
    start = {"action": "start-workflow", "workflow_id": "w", "message": "x"}
    async with connected(one.app) as starter, connected(two.app) as follower:
        await starter.say(**start)
        first = await starter.until("StepStarted")
        run_id = first[0]["run_id"]
        await the_run(one)
        await follower.say(action="reconnect", run_id=run_id, last_event_index=0)
        heard = await follower.until("subscribed")
        assert [each["event"] for each in heard] == ["catch_up", "StepStarted", "subscribed"]
        assert heard[1] == first[1]
        await one.release()
        rest = await starter.until("WorkflowCompleted")
        assert await follower.until("WorkflowCompleted") == rest
        assert rest[0]["event_index"] == 2
    async with connected(three_.app) as late:
        await late.say(action="reconnect", run_id=run_id)
        heard = await late.until("WorkflowCompleted")
        assert heard[0]["message"] == "Run COMPLETED. Replaying all events."
        assert heard[1:] == [*first, *rest]
        await late.say(action="reconnect", run_id="nobody's")
        assert (await late.hear())["error"] == "Run nobody's not found in buffer or database"


async def test_who_follows_is_told_where_the_other_process_ends(
    three: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "SECONDS_BETWEEN_ASKING", 0.01)
    one, two, _ = three
    async with connected(one.app) as starter, connected(two.app) as follower:
        await starter.say(action="start-workflow", workflow_id="w", message="x")
        run_id = (await starter.until("StepStarted"))[0]["run_id"]
        await the_run(one)
        await follower.say(action="reconnect", run_id=run_id)
        await follower.until("subscribed")
        # As where it was killed, and nobody is left who has the run.
        with monkeypatch.context() as killed:
            killed.setattr(one.app.runner, "under_way", lambda *_: [])
            (last,) = await follower.until("WorkflowError")
        assert last["error"] == INTERRUPTED
        assert last["event_index"] == 2
        await one.release()
        await starter.until("WorkflowCompleted")
