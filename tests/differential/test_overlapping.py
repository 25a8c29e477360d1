"""What becomes of a session that is written to while a run in it goes on: each case in a session of
its own, all at a time, by the mock as the real server and by the real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import agentos, serving

Meanwhile = Callable[["Conversation"], Awaitable[None]]

SCRIPTS: dict[str, dict[str, Any]] = {
    "slow": {
        "session_state": {"n": 0},
        "metadata": {"of": "slow"},
        "steps": [
            {"type": "Step", "name": "count", "mock": {"content": "{{ session_state.n }}"}},
            {"type": "Step", "name": "wait", "mock": {"content": "waited", "delay": 1.5}},
        ],
    },
    "quick": {
        "session_state": {"q": 0},
        "steps": [{"type": "Step", "name": "say", "mock": {"content": "said {{ input }}"}}],
    },
}
SCRIPTS["slow"]["steps"][0]["mock"]["session_state"] = {"n": "{{ session_state.n + 1 }}"}


class Conversation:
    """One session of a server."""

    def __init__(self, client: httpx2.AsyncClient, session_id: str) -> None:
        self._client = client
        self._path = f"/sessions/{session_id}"
        self.form = {"session_id": session_id}

    async def quick(self, **more: str) -> None:
        form = {"message": "quick", "stream": "false", **self.form, **more}
        (await self._client.post("/workflows/quick/runs", data=form)).raise_for_status()

    async def change(self, *, of_type: str = "workflow", **changes: Any) -> None:
        response = await self._client.patch(self._path, params={"type": of_type}, json=changes)
        response.raise_for_status()

    async def delete(self) -> None:
        (await self._client.delete(self._path)).raise_for_status()

    async def slow(self, meanwhile: Callable[[], Awaitable[None]], **more: str) -> None:
        """A run, and something else once it has begun."""
        form = {"message": "slow", **self.form, **more}
        async with self._client.stream("POST", "/workflows/slow/runs", data=form) as response:
            events = response.aiter_lines()
            assert await anext(events) == "event: WorkflowStarted"
            await meanwhile()
            assert "event: WorkflowCompleted" in [line async for line in events]

    async def shown(self) -> list[Any]:
        """What the session shows, and its runs."""
        of_type = {"type": "workflow"}
        session = await self._client.get(self._path, params=of_type)
        runs = await self._client.get(f"{self._path}/runs", params=of_type)
        if session.status_code != 200:
            return [session.status_code, runs.status_code]
        names = ("session_name", "session_state", "metadata", "user_id", "workflow_id")
        of_run = ("run_input", "status", "content", "images", "files")
        return [
            {name: session.json().get(name) for name in names},
            *({name: run.get(name) for name in of_run} for run in runs.json()),
        ]


async def run_beside(of: Conversation) -> None:
    await of.quick()


async def renamed(of: Conversation) -> None:
    await of.change(session_name="N")


async def changed(of: Conversation) -> None:
    await of.change(session_state={"z": 1}, metadata={"k": 2})


async def changed_as_an_agents(of: Conversation) -> None:
    await of.change(of_type="agent", metadata={"k": 2})


async def deleted(of: Conversation) -> None:
    await of.delete()


async def deleted_and_run(of: Conversation) -> None:
    await of.delete()
    await of.quick()


async def slow_beside(of: Conversation) -> None:
    await of.slow(lambda: of.quick())


async def run_of_ada(of: Conversation) -> None:
    await of.quick(user_id="ada")


CASES: dict[str, tuple[Meanwhile, bool, dict[str, str]]] = {
    f"{meanwhile.__name__}-{'old' if is_old else 'new'}{'-bob' if more else ''}": (
        meanwhile,
        is_old,
        more,
    )
    for meanwhile, is_old, more in (
        (run_beside, True, {}),
        (run_beside, False, {}),
        (renamed, True, {}),
        (changed, True, {}),
        (changed_as_an_agents, True, {}),
        (deleted, True, {}),
        (deleted_and_run, True, {}),
        (slow_beside, True, {}),
        (run_of_ada, True, {}),
        (run_of_ada, False, {}),
        (run_of_ada, False, {"user_id": "bob"}),
    )
}
"""What happens meanwhile, whether the session had a run before, and what the slow run is given."""


async def shown_by(url: str, names: Iterable[str] = CASES, time: int = 1) -> dict[str, list[Any]]:
    """What each case's session shows before, meanwhile and after; in sessions of its own each
    time."""

    async def one(client: httpx2.AsyncClient, name: str) -> list[Any]:
        meanwhile, is_old, more = CASES[name]
        conversation = Conversation(client, f"{name} {time}")
        if is_old:
            await conversation.quick()
        shown = []

        async def then() -> None:
            await meanwhile(conversation)
            shown.append(await conversation.shown())

        await conversation.slow(then, **more)
        return [*shown, await conversation.shown()]

    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        found = await asyncio.gather(*(one(client, name) for name in names))
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for name, script in SCRIPTS.items():
        (folder / f"{name}.json").write_text(json.dumps({"id": name, **script}))
    return folder


@pytest.mark.agentos
def test_a_session_that_is_written_meanwhile_is_as_the_real_servers(folder: Path) -> None:
    settings = Settings(
        workflows=load_scripts(folder).workflows,
        seed=1,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    differ = list(CASES)
    with serving(create_app(settings)) as here, agentos(folder) as there:
        for time in (1, 2, 3):  # with a busy processor what comes meanwhile may come too late
            ours = asyncio.run(shown_by(here, differ, time))
            theirs = asyncio.run(shown_by(there, differ, time))
            differ = [name for name in differ if ours[name] != theirs[name]]
            if not differ:
                break
    assert {name: ours[name] for name in differ} == {name: theirs[name] for name in differ}


def test_by_the_contract_nothing_is_lost(folder: Path) -> None:
    settings = Settings(workflows=load_scripts(folder).workflows, seed=1)
    with serving(create_app(settings)) as url:
        shown = asyncio.run(shown_by(url))

    def inputs(case: str) -> list[str]:
        return [run["run_input"] for run in shown[case][-1][1:]]

    assert inputs("run_beside-old") == ["quick", "slow", "quick"]
    assert inputs("slow_beside-old") == ["quick", "slow", "slow", "quick"]
    assert shown["renamed-old"][-1][0]["session_name"] == "N"
    assert shown["changed-old"][-1][0]["metadata"] == {"k": 2}
    assert inputs("changed_as_an_agents-old") == ["quick", "slow"]
    # What was deleted does not come back; the run that was under way is in a session of its own.
    assert shown["deleted-old"][0] == [404, 404]
    assert inputs("deleted-old") == ["slow"]
    assert inputs("deleted_and_run-old") == ["quick", "slow"]
    assert inputs("run_of_ada-old") == ["quick", "slow"]
