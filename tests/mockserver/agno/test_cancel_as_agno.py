"""Cancelling in mid-step: with --as agno-2.5.6 as the real server does it."""

from __future__ import annotations

import functools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import agentos, serving
from tests.runs import masked

pytestmark = pytest.mark.agentos

AGENT = {"agent": {"id": "a", "name": "A"}}


def step(name: str, settings: dict[str, Any] | None = None, **mock: Any) -> dict[str, Any]:
    if "chunks" not in mock:
        mock.setdefault("content", f"{name} done")
    return {"type": "Step", "name": name, "mock": mock, **(settings or {})}


SLOW: dict[str, Any] = {"delay": 0.8}
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
def real(folder: Path) -> Iterator[httpx2.Client]:
    with agentos(folder) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def mock(folder: Path) -> Iterator[httpx2.Client]:
    settings = Settings(
        workflows=load_scripts(folder).workflows,
        seed=1,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    with serving(create_app(settings)) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def cancelled(client: httpx2.Client, name: str) -> list[Any]:
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


def batch_cancelled(client: httpx2.Client, name: str, *, at_once: bool) -> list[Any]:
    """The answer of a batch run that is cancelled before it begins, or while its slow step is
    carried out."""
    path = f"/workflows/{name}/runs"
    while True:
        run_id = str(uuid.uuid4())
        form = {"message": "tea", "stream": "false", "run_id": run_id}
        answers: list[httpx2.Response] = []
        ask = functools.partial(client.post, path, data=form)
        thread = threading.Thread(target=lambda ask=ask, to=answers: to.append(ask()))
        if at_once:
            # Of a run that nobody knows yet a cancellation is remembered.
            client.post(f"{path}/{run_id}/cancel")
        thread.start()
        if not at_once:
            thread.join(SLOW["delay"] / 2)
            client.post(f"{path}/{run_id}/cancel")
        thread.join()
        body = answers[0].json()
        # It is noticed when the step is over; a run that was not yet under way comes to nothing.
        if at_once or body["metrics"]["duration"] > SLOW["delay"] / 2:
            return [answers[0].status_code, body]


Ask = Callable[[httpx2.Client, str], list[Any]]


def compare(mock: httpx2.Client, real: httpx2.Client, ask: Ask) -> None:
    """Ask both of all scripts at a time. Where they differ, they are asked again: with a busy
    processor a cancellation may come after its step."""
    differ = dict.fromkeys(SCRIPTS)
    for _ in range(4):
        with ThreadPoolExecutor(2 * len(differ)) as threads:
            ours = {name: threads.submit(ask, mock, name) for name in differ}
            theirs = {name: threads.submit(ask, real, name) for name in differ}
        both = {name: (masked(ours[name].result()), masked(theirs[name].result())) for name in ours}
        differ = {name: None for name, (our, their) in both.items() if our != their}
        if not differ:
            return
    for name in differ:
        for our_part, their_part in zip(*both[name], strict=True):
            assert our_part == their_part, name


def test_streams_that_are_cancelled(mock: httpx2.Client, real: httpx2.Client) -> None:
    compare(mock, real, cancelled)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in its slow step"])
def test_batch_runs_that_are_cancelled(
    mock: httpx2.Client, real: httpx2.Client, at_once: bool
) -> None:
    compare(mock, real, functools.partial(batch_cancelled, at_once=at_once))
