"""An hour of everything at once, and what is left of it: `make soak`, shorter by `--seconds 60`.

Clients run workflows in both modes, leave streams, cancel, hold and release gates, talk over the
websocket, keep sessions and send what is no HTTP. They pause twelve times; then what the mock still
has is looked at, in its own process: memory, descriptors, threads, asyncio tasks. It ends with 1
where more is left of one than after the first time, of memory than after half of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2
import uvicorn
import uvloop
from websockets.asyncio.client import connect

from mockserver.app import Settings, create_app

CLIENTS = 12
ROUNDS = 12
MAX_MEMORY = 16 * 1024 * 1024
"""Bytes that the mock may remember: full within a minute, so that more would be a leak."""
MAX_GROWTH = 16 * 1024 * 1024
"""Bytes of memory that may come on top in the second half."""
TIMEOUT = 60.0
"""Seconds that a client waits on a machine that is busy with all of this."""
SETTLES = 30.0
"""Seconds within which what nobody asks for any more must be over."""
RUNS = "/workflows/content-pipeline/runs"
LASTING = "/workflows/slow-report/runs"


@dataclass(frozen=True)
class Left:
    """What a process has."""

    memory: int
    """Bytes that are resident."""
    descriptors: int
    threads: int
    tasks: int
    runs: int
    """Under way."""


# -- the mock


@contextlib.contextmanager
def _mock() -> Iterator[tuple[int, Connection]]:
    """Its port, and a pipe that says what it has for each word that it is sent."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    app = create_app(Settings(max_memory=MAX_MEMORY))
    # On a busy machine clients pause for longer than the usual 5 s.
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_keep_alive=120)
    config.load()

    def look() -> None:
        pipe.recv()
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        pipe.send(
            Left(
                pages * os.sysconf("SC_PAGE_SIZE"),
                len(os.listdir("/proc/self/fd")),
                threading.active_count(),
                len(asyncio.all_tasks()),
                len(app.runner.under_way()),
            )
        )

    async def serve() -> None:
        asyncio.get_running_loop().add_reader(pipe.fileno(), look)
        pipe.send(listener.getsockname()[1])
        await uvicorn.Server(config).serve(sockets=[listener])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


# -- what clients do


class Client:
    """One that asks for something else each time."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._draw = random.Random(seed)
        self._http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT)
        self.done: Counter[str] = Counter()

    async def go_on(self, seconds: float) -> None:
        """Ask for so many seconds. Raises AssertionError where an answer is wrong."""
        deadline = time.monotonic() + seconds
        kinds = (
            self.batch,
            self.stream,
            self.left_stream,
            self.cancelled,
            self.held,
            self.over_the_websocket,
            self.session,
            self.no_http,
        )
        async with self._http:
            while time.monotonic() < deadline:
                kind: Callable[[], Awaitable[None]] = self._draw.choice(kinds)
                await kind()
                self.done[kind.__name__] += 1

    async def batch(self) -> None:
        answer = await self._http.post(RUNS, data={"message": "tea", "stream": "false"})
        assert answer.json()["status"] == "COMPLETED"

    async def stream(self) -> None:
        async with self._stream(RUNS) as lines:
            events = [line async for line in lines if line.startswith("event: ")]
        assert events[-1] == "event: WorkflowCompleted"

    async def left_stream(self) -> None:
        async with self._stream(LASTING) as lines:
            await anext(lines)

    async def cancelled(self) -> None:
        async with self._stream(LASTING) as lines:
            run_id = await _run_id(lines)
            await self._http.post(f"{LASTING}/{run_id}/cancel")
            events = [line async for line in lines if line.startswith("event: ")]
        # Of a busy machine it may come when all is over.
        assert events[-1] in ("event: WorkflowCancelled", "event: WorkflowCompleted")

    async def held(self) -> None:
        scope = self._name()
        await self._http.post("/__mock__/scopes", json={"scope": scope})
        hold = {"before": "WorkflowCompleted", "gate": "end"}
        rule = {"scope": scope, "answer": {"hold": hold}}
        await self._http.post("/__mock__/rules", json=rule)
        async with self._stream(RUNS, {"Mock-Scope": scope}) as lines:
            await self._http.get(f"/__mock__/gates?scope={scope}&gate=end&timeout=20")
            release = {"scope": scope}
            await self._http.post("/__mock__/gates/end/release", json=release)
            events = [line async for line in lines if line.startswith("event: ")]
        await self._http.delete(f"/__mock__/scopes/{scope}")
        assert events[-1] == "event: WorkflowCompleted"

    async def over_the_websocket(self) -> None:
        start = {"action": "start-workflow", "workflow_id": "content-pipeline", "message": "tea"}
        url = f"ws://127.0.0.1:{self._port}/workflows/ws"
        async with connect(url, open_timeout=TIMEOUT) as connection:
            await connection.send(json.dumps(start))
            if self._draw.random() < 0.5:  # else it goes at once
                while "event: WorkflowCompleted" not in str(await connection.recv()):
                    pass

    async def session(self) -> None:
        session_id = self._name()
        form = {"message": "tea", "stream": "false", "session_id": session_id}
        await self._http.post(RUNS, data=form)
        runs = await self._http.get(f"/sessions/{session_id}/runs?type=workflow")
        assert len(runs.json()) == 1
        if self._draw.random() < 0.5:
            await self._http.delete(f"/sessions/{session_id}")

    async def no_http(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.suppress(ConnectionError):
            writer.write(self._draw.randbytes(self._draw.randrange(1, 400)))
            if self._draw.random() < 0.5:
                writer.write_eof()
                await reader.read()
        writer.close()

    def _name(self) -> str:
        return f"soak-{self._draw.getrandbits(64):x}"

    @contextlib.asynccontextmanager
    async def _stream(
        self, path: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[str]]:
        form = {"message": "tea", "stream": "true"}
        async with self._http.stream("POST", path, data=form, headers=headers) as answer:
            assert answer.status_code == 200
            yield answer.aiter_lines()


async def _run_id(lines: AsyncIterator[str]) -> str:
    async for line in lines:
        if line.startswith("data: "):
            run_id: str = json.loads(line.removeprefix("data: "))["run_id"]
            return run_id
    raise AssertionError("a stream without data")


# -- what is left


async def _round(port: int, seconds: float, number: int) -> Counter[str]:
    clients = [Client(port, number * CLIENTS + one) for one in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.go_on(seconds))
    return sum((client.done for client in clients), Counter())


def _look(pipe: Connection, before: Left | None) -> Left:
    """What the mock has, once it has no more than before, or SETTLES are over. The first time: once
    nothing goes any more."""
    deadline = time.monotonic() + SETTLES
    last: Left | None = None
    while True:
        pipe.send("look")
        left: Left = pipe.recv()
        compared = last if before is None else before
        is_settled = left.runs == 0 and compared is not None and not more(left, compared)
        if before is None and last is not None:
            is_settled = is_settled and not more(last, left)
        if is_settled or time.monotonic() > deadline:
            return left
        last = left
        time.sleep(1.0)


def more(left: Left, before: Left) -> list[str]:
    """Of what there is more than before, memory apart."""
    names = [field.name for field in fields(Left) if field.name != "memory"]
    return [name for name in names if getattr(left, name) > getattr(before, name)]


def soak(seconds: float) -> Iterator[tuple[Left, Counter[str]]]:
    """What is left after each round, and what was asked in it, by kind. Raises an ExceptionGroup
    where an answer is wrong."""
    first: Left | None = None
    with _mock() as (port, pipe):
        for number in range(ROUNDS):
            done = asyncio.run(_round(port, seconds / ROUNDS, number))
            left = _look(pipe, first)
            first = first or left
            yield left, done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    arguments = parser.parse_args()
    rounds: list[Left] = []
    asked: Counter[str] = Counter()
    print("    s     asked    MiB  descriptors  threads  tasks  runs under way", flush=True)
    started = time.monotonic()
    for left, done in soak(arguments.seconds):
        rounds.append(left)
        asked += done
        print(
            f"{time.monotonic() - started:5.0f} {asked.total():9,} {left.memory / 2**20:6.1f}"
            f" {left.descriptors:12} {left.threads:8} {left.tasks:6} {left.runs:15}",
            flush=True,
        )
    print(", ".join(f"{name} {count:,}" for name, count in sorted(asked.items())))
    grown = more(rounds[-1], rounds[0])
    if rounds[-1].memory > rounds[ROUNDS // 2].memory + MAX_GROWTH:
        grown.append("memory")
    print(f"more is left of: {', '.join(grown)}" if grown else "nothing more is left")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
