"""Expressions that may take long are evaluated beside the event loop: others are served.

An expression waits here, within its evaluation, until another request was answered: on the event
loop that would never be.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import celpy
import httpx2
import jinja2
import pytest

from mockserver.app import MockServer, Settings, create_app
from mockserver.script.loader import load_text

pytestmark = pytest.mark.anyio

SECONDS = 30
"""After which an expression has waited in vain."""
WITH_CEL = "[1].all(one, one == 1)"
WITH_TEMPLATE = "{% for one in [1] %}{{ one }}{% endfor %}"
STEP = "{type: Step, name: say, executor_ref: say, mock: {content: done}}"
SCRIPTS = {
    "a setting": f"steps: [{{type: Step, name: a, executor_ref: a, mock: {{stop: '{WITH_CEL}'}}}}]",
    "a template": (
        f"steps: [{{type: Step, name: a, executor_ref: a, mock: {{content: '{WITH_TEMPLATE}'}}}}]"
    ),
    "a condition": (
        f"steps: [{{type: Condition, name: c, evaluator: '{WITH_CEL}', steps: [{STEP}]}}]"
    ),
    "a scenario": (
        f"steps: [{STEP}]\nmock: {{scenarios: [{{name: s, status: 503, when: '{WITH_CEL}'}}]}}"
    ),
    "a rule": f"steps: [{STEP}]",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Evaluation:
    """The next evaluation of CEL, or the next rendering of a template, waits to be let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_begun, self._let_go = threading.Event(), threading.Event()
        for owner, name in ((celpy.InterpretedRunner, "evaluate"), (jinja2.Template, "render")):
            for one in {owner, *owner.__subclasses__()}:
                if name in vars(one):
                    monkeypatch.setattr(one, name, self._waiting(getattr(one, name)))

    def _waiting(self, original: Any) -> Any:
        def waiting(*arguments: Any, **more: Any) -> Any:
            self.has_begun.set()
            assert self._let_go.wait(SECONDS), "nobody was served meanwhile"
            return original(*arguments, **more)

        return waiting

    async def begins(self) -> None:
        assert await asyncio.to_thread(self.has_begun.wait, SECONDS)

    def let_go(self) -> None:
        self._let_go.set()


@pytest.fixture(params=SCRIPTS)
async def mock(request: pytest.FixtureRequest) -> MockServer:
    workflows = {"w": load_text(f"id: w\nname: W\n{SCRIPTS[request.param]}\n", "w.yaml")}
    mock = create_app(Settings(workflows=workflows))
    if request.param == "a rule":
        async with client_of(mock) as client:
            rule = {"workflow_id": "w", "when": WITH_CEL, "answer": {"status": 503}}
            assert (await client.post("/__mock__/rules", json=rule)).status_code == 201
    return mock


@pytest.fixture
async def client(mock: MockServer) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(mock) as client:
        yield client


@pytest.fixture
def evaluation(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    return Evaluation(monkeypatch)


def client_of(mock: MockServer) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(mock), base_url="http://localhost")


async def test_others_are_served_while_an_expression_is_evaluated(
    client: httpx2.AsyncClient, evaluation: Evaluation
) -> None:
    form = {"message": "x", "stream": "false"}
    running = asyncio.create_task(client.post("/workflows/w/runs", data=form))
    await evaluation.begins()
    assert (await client.get("/health")).status_code == 200
    assert not running.done()
    evaluation.let_go()
    assert (await running).status_code in (200, 503)


async def test_who_goes_away_meanwhile_leaves_nothing_behind(
    client: httpx2.AsyncClient, evaluation: Evaluation
) -> None:
    form = {"message": "x", "stream": "false"}
    running = asyncio.create_task(client.post("/workflows/w/runs", data=form))
    await evaluation.begins()
    running.cancel()
    assert (await client.get("/health")).status_code == 200
    running.cancel()  # once more: it waits for the evaluation's end
    assert not running.done()
    evaluation.let_go()
    with pytest.raises(asyncio.CancelledError):
        await running
    runs = (await client.get("/__mock__/runs")).json()
    assert not [run for run in runs if run["state"] in ("running", "waiting")], runs
    again = await client.post("/workflows/w/runs", data=form)
    assert again.status_code in (200, 503)
