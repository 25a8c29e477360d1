"""What a SQLite store keeps of a server that is killed (kill -9) again and again under load."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_text
from mockserver.server import listen, serve
from mockserver.sessions.records import INTERRUPTED
from mockserver.sessions.sqlite import SqliteStore

KILLS = int(os.environ.get("KILLS", "10"))
CLIENTS = 8

SCRIPT = """
id: w
name: W
steps:
  - type: Step
    name: think
    agent: {id: thinker, name: Thinker}
    mock: {delay: "{{ 0.05 if input == 'slow' else 0 }}", chunks: ["a", "b", "c"]}
"""
RUNS = "/workflows/w/runs"


def serve_from(file: Path, ready: Any) -> None:
    """In a process of its own: the mock on the file, until it is killed."""
    workflows = {"w": load_text(SCRIPT, "w.yaml")}
    app = create_app(Settings(workflows=workflows, store=SqliteStore(file)))
    listener = listen("127.0.0.1", 0)
    ready.send(listener.getsockname()[1])
    serve(app, listener)


@contextmanager
def served(file: Path) -> Iterator[tuple[Any, str]]:
    """The process and its URL. It is forked from one that has everything loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ready, told = context.Pipe(duplex=False)
    process = context.Process(target=serve_from, args=(file, told))
    process.start()
    told.close()
    try:
        yield process, f"http://127.0.0.1:{ready.recv()}"
    finally:
        process.kill()
        process.join()
        process.close()
        ready.close()


@dataclass
class Seen:
    """What the clients know of runs, by run_id: the session's id, and how far it was."""

    begun: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    is_enough: asyncio.Event = field(default_factory=asyncio.Event)
    enough: int = 0
    """Answers after which the server is killed."""

    def answer(self, run: dict[str, Any]) -> None:
        self.answered[run["run_id"]] = run["session_id"]
        self.begun.pop(run["run_id"], None)
        if len(self.answered) >= self.enough:
            self.is_enough.set()


async def load(client: httpx2.AsyncClient, seen: Seen, draw: random.Random) -> None:
    """Runs of all kinds, one after the other, until the server is gone."""
    with suppress(httpx2.TransportError):
        while True:
            session = f"s{draw.randrange(6)}"
            form = {"message": draw.choice(["fast", "slow"]), "session_id": session}
            if draw.random() < 0.5:
                answer = await client.post(RUNS, data={**form, "stream": "false"})
                assert answer.status_code == 200, answer.text
                seen.answer(answer.json())
                continue
            async with client.stream("POST", RUNS, data=form) as stream:
                async for line in stream.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    event = json.loads(line.removeprefix("data: "))
                    if event["event"] == "WorkflowStarted":
                        seen.begun[event["run_id"]] = event["session_id"]
                        if not seen.enough:
                            seen.is_enough.set()
                    elif event["event"] == "WorkflowCompleted":
                        seen.answer(event)


async def hit(process: Any, url: str, draw: random.Random) -> Seen:
    """Load the server, and kill it in the middle."""
    seen = Seen(enough=draw.randrange(40))
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        loads = [asyncio.create_task(load(client, seen, draw)) for _ in range(CLIENTS)]
        await seen.is_enough.wait()
        process.kill()
        await asyncio.gather(*loads)
    return seen


async def check(url: str, seen: Seen) -> tuple[int, int]:
    """What the server says of the runs of the one before it: how many are over, and how many
    marked."""
    marked = 0
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:

        async def run(run_id: str, session_id: str) -> dict[str, Any]:
            answer = await client.get(f"{RUNS}/{run_id}", params={"session_id": session_id})
            assert answer.status_code == 200, (run_id, answer.text)
            found: dict[str, Any] = answer.json()
            return found

        for run_id, session_id in seen.answered.items():
            found = await run(run_id, session_id)
            assert (found["status"], found["content"]) == ("COMPLETED", "abc"), found
        for run_id, session_id in seen.begun.items():
            found = await run(run_id, session_id)
            if found["status"] != "COMPLETED":  # it may have been kept before it could be told
                assert (found["status"], found["content"]) == ("ERROR", INTERRUPTED), found
                marked += 1
    return len(seen.answered), marked


@pytest.mark.timeout(600)
def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    file, draw = tmp_path / "mock.db", random.Random(0)
    kept = marked = 0
    seen = Seen()
    for _ in range(KILLS):
        with served(file) as (process, url):
            over, interrupted = asyncio.run(check(url, seen))
            kept, marked = kept + over, marked + interrupted
            seen = asyncio.run(hit(process, url, draw))
    with served(file) as (_, url):
        asyncio.run(check(url, seen))
    db = sqlite3.connect(file)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # The last server has been killed too, and may have been the owner of nothing.
    statuses = [json.loads(body)["status"] for (body,) in db.execute("SELECT body FROM runs")]
    db.close()
    print(f"{KILLS} kills, {kept} runs answered and kept, {marked} begun and marked")
    assert set(statuses) <= {"COMPLETED", "ERROR"}
    assert statuses.count("COMPLETED") >= kept
    assert statuses.count("ERROR") >= marked > 0
