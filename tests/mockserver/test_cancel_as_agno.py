"""Cancelling in mid-step: with --as agno-2.5.6 as the real server does it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.script import load_scripts
from tests.conftest import agentos, serving
from tests.runs import masked

AGENT = {"agent": {"id": "a", "name": "A"}}


def step(name: str, settings: dict[str, Any] | None = None, **mock: Any) -> dict[str, Any]:
    if "chunks" not in mock:
        mock.setdefault("content", f"{name} done")
    return {"type": "Step", "name": name, "mock": mock, **(settings or {})}


SLOW: dict[str, Any] = {"delay": 1.5}
SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "first-of-two": [step("slow", **SLOW), step("next")],
    "last": [step("quick"), step("slow", **SLOW)],
    "agent": [step("talker", AGENT, chunks=["so ", "so"], **SLOW), step("next")],
    "after-an-agent": [
        step("talker", AGENT, chunks=["so ", "so"]),
        step("slow", **SLOW),
        step("z"),
    ],
    "steps": [
        {"type": "Steps", "name": "all", "steps": [step("talker", AGENT), step("slow", **SLOW)]},
        step("next"),
    ],
    "last-steps": [{"type": "Steps", "name": "all", "steps": [step("slow", **SLOW), step("z")]}],
    "loop": [
        {"type": "Loop", "name": "l", "max_iterations": 2, "steps": [step("slow", **SLOW)]},
        step("next"),
    ],
    "parallel": [
        {"type": "Parallel", "name": "p", "steps": [step("a", AGENT), step("slow", **SLOW)]},
        step("next"),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for name, steps in SCRIPTS.items():
        (folder / f"{name}.json").write_text(json.dumps({"id": name, "steps": steps}))
    return folder


@pytest.fixture(scope="module")
def real(folder: Path, agentos_url: str) -> Iterator[httpx.Client]:
    with agentos(folder) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def mock(folder: Path) -> Iterator[httpx.Client]:
    settings = Settings(
        workflows=load_scripts(folder).workflows,
        seed=1,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    with serving(create_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def cancelled(client: httpx.Client, name: str) -> list[Any]:
    """The events of a stream that is cancelled in the step `slow`, then the stored run."""
    decoder = EventStreamDecoder()
    events: list[Any] = []
    path = f"/workflows/{name}/runs"
    with client.stream("POST", path, data={"message": "tea", "session_id": name}) as response:
        for chunk in response.iter_raw():
            for frame in decoder.feed(chunk):
                event = json.loads(frame.data)
                events.append(event)
                waiting = event["event"] == "StepStarted" and event["step_name"] == "slow"
                waiting |= name == "agent" and event["event"] == "ModelRequestStarted"
                if waiting:
                    run_id = event.get("workflow_run_id") or event["run_id"]
                    assert client.post(f"{path}/{run_id}/cancel").json() == {}
    stored = client.get(f"{path}/{events[0]['run_id']}", params={"session_id": name})
    return [*events, stored.status_code, stored.json()]


def batch_cancelled(client: httpx.Client, name: str) -> list[Any]:
    """The answer of a batch run that is cancelled while it runs; its run_id is the caller's."""
    run_id = "00000000-0000-4000-8000-0000000000aa"
    answers: list[httpx.Response] = []
    path = f"/workflows/{name}/runs"
    form = {"message": "tea", "stream": "false", "run_id": run_id}
    thread = threading.Thread(target=lambda: answers.append(client.post(path, data=form)))
    thread.start()
    while thread.is_alive():
        # The run may not have begun yet: an unknown run's cancellation is answered alike.
        client.post(f"{path}/{run_id}/cancel")
        thread.join(0.1)
    return [answers[0].status_code, answers[0].json()]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_stream_that_is_cancelled(mock: httpx.Client, real: httpx.Client, name: str) -> None:
    ours, theirs = masked(cancelled(mock, name)), masked(cancelled(real, name))
    for our_part, their_part in zip(ours, theirs, strict=True):
        assert our_part == their_part


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_batch_run_that_is_cancelled(mock: httpx.Client, real: httpx.Client, name: str) -> None:
    assert masked(batch_cancelled(mock, name)) == masked(batch_cancelled(real, name))
