"""Numbers that no double holds are refused where they come in: invalid JSON never leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from agentos_contract.json_values import read_json
from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from tests.conftest import serving
from tests.runs import stream
from tests.scripts import workflow_from

TYPED: dict[str, Any] = {
    "id": "typed",
    "input_schema": {"type": "object", "properties": {"n": {"type": "number"}}},
    "steps": [{"type": "Step", "name": "s", "mock": {"content": {"said": "{{ input }}"}}}],
}
COUNTING: dict[str, Any] = {
    "id": "counting",
    "steps": [{"type": "Step", "name": "s", "mock": {"content": {"n": "{{ 1e308 * 10 }}"}}}],
}
PROFILES = [frozenset[str](), load_profile("agno-2.5.6").deviations]


@pytest.fixture(scope="module", params=PROFILES, ids=["contract", "agno"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    workflows = {script["id"]: workflow_from(script) for script in (TYPED, COUNTING)}
    app = create_app(Settings(workflows=workflows, deviations=request.param))
    with serving(app) as url, httpx2.Client(base_url=url) as client:
        client.headers["x-profile"] = "agno" if request.param else "contract"
        yield client


NUMBERS = ["1e400", "-1e999", "NaN", "Infinity", "9" * 5000]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("streamed", ["true", "false"])
def test_a_message(client: httpx2.Client, number: str, streamed: str) -> None:
    form = {"message": f'{{"n": {number}}}', "stream": streamed}
    answer = client.post("/workflows/typed/runs", data=form)
    for text in data_of(answer):
        read_json(text)
    if client.headers["x-profile"] == "contract":
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("message: no JSON, as input_schema asks for: ")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_sessions_state(client: httpx2.Client, number: str) -> None:
    body = f'{{"session_id": "s", "session_state": {{"n": [{number}]}}}}'
    answer = client.post("/sessions", content=body, headers={"content-type": "application/json"})
    read_json(answer.content)
    if client.headers["x-profile"] == "contract":
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("the body is no JSON: ")


@pytest.mark.parametrize("number", ["-0", "-0.0", "1e-400", "1e308", "9" * 400])
def test_numbers_that_can_be_read_again_pass(client: httpx2.Client, number: str) -> None:
    body = f'{{"session_id": "s{len(number)}", "session_state": {{"n": {number}}}}}'
    answer = client.post("/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201
    state = read_json(answer.content)["session_state"]
    assert state["n"] == read_json(number)


def test_what_a_template_makes(client: httpx2.Client) -> None:
    run: Any = stream(client, "counting", message="x")
    assert "the template failed: inf is no JSON number" in run.raw.decode()
    for payload in data_of(client.post("/workflows/counting/runs", data={"message": "x"})):
        read_json(payload)


def data_of(answer: httpx2.Response) -> list[str]:
    """The JSON texts of an answer."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return [answer.text]
    lines = answer.text.splitlines()
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
