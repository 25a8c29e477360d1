"""Agents and teams with --as agno-2.5.6: the real server's frames, bodies and session metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import yaml

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import agentos, serving
from tests.mockserver.engine.test_agents import LOOKS, NESTED, agent, delegations, member, team
from tests.runs import masked, stream

pytestmark = pytest.mark.agentos

Json = dict[str, Any]


def named(name: str, step: Json, **settings: Any) -> Json:
    return {**step, "name": name, **settings}


STATE = {"type": "Step", "name": "state", "mock": {"content": "{{ session_state }}"}}
BAD = {"fails": 9, "error": "boom"}
PACED = {"time_to_first_token": 0.1, "tokens_per_second": 10}

SCRIPTS: dict[str, list[Json]] = {
    "looks": [
        named("first", agent(LOOKS)),
        named("second", agent({**LOOKS, "tokens": {}, "reasoning": ""})),
        STATE,
    ],
    "says-nothing": [
        named("nothing", agent({"chunks": []})),
        named("empty", agent({"content": "", "reasoning": "", "tokens": {"input": 1}})),
        named("not-a-text", agent({"content": "{{ [1, none] }}"})),
        named("long-call", agent({"tools": [{"name": "t", "args": {"a": ["x" * 99]}}]})),
    ],
    "fails": [
        named("recovers", agent({"fails": 1, "error": "boom"}), max_retries=1),
        named("fails", agent(BAD)),
        named("skipped", agent(BAD), skip_on_failure=True),
        named("team", team([], BAD)),
        STATE,
    ],
    "retries": [
        named("agent", agent({"fails": 3}, retries=1, delay_between_retries=0), max_retries=1),
        named("team", team([], {"fails": 2}, retries=2, delay_between_retries=0)),
    ],
    "beside-others": [
        {
            "type": "Parallel",
            "name": "both",
            "steps": [named("first", agent(LOOKS)), named("second", agent({"delay": 0.3}))],
        }
    ],
    "members": [
        team(
            [
                member("slow", {"chunks": ["a", "b"], "timing": PACED, "session_state": {"n": 5}}),
                member("quick", {"tools": [{"name": "look", "result": "x"}], "content": "c"}),
                member("bad", BAD),
            ],
            {
                "requests": [
                    {"content": "I ask. ", **delegations("slow")},
                    {"reasoning": "again", "tokens": {"input": 3}, **delegations("bad", "nobody")},
                    delegations("slow", "quick"),
                    {"tools": [{"name": "mine", "error": "no"}, *delegations("quick")["tools"]]},
                ],
                "content": "all",
                "tokens": {"input": 1, "output": 2},
            },
        ),
        STATE,
    ],
    "members-of-members": [NESTED],
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx2.Client]]:
    """The mock and the real server, both with these scripts."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, steps in SCRIPTS.items():
        script = {"id": name, "name": name, "session_state": {"n": 0}, "steps": steps}
        text = yaml.safe_dump(script, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    settings = Settings(
        workflows=load_scripts(folder).workflows,
        seed=1,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    with (
        serving(create_app(settings)) as ours,
        agentos(folder) as theirs,
        httpx2.Client(base_url=ours, timeout=60) as mock,
        httpx2.Client(base_url=theirs, timeout=60) as real,
    ):
        yield [mock, real]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_stream_is_the_real_servers(servers: list[httpx2.Client], name: str) -> None:
    runs = [stream(server, name, message="tea").payloads for server in servers]
    ours, theirs = ([json.dumps(event) for event in masked(events)] for events in runs)
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine == yours


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_batch_body_is_the_real_servers(servers: list[httpx2.Client], name: str) -> None:
    form = {"message": "tea", "stream": "false"}
    ours, theirs = (server.post(f"/workflows/{name}/runs", data=form) for server in servers)
    assert ours.status_code == theirs.status_code == 200
    assert json.dumps(masked(ours.json()), indent=1) == json.dumps(masked(theirs.json()), indent=1)


def test_a_session_adds_up_what_its_runs_used(servers: list[httpx2.Client]) -> None:
    def metrics(server: httpx2.Client) -> Any:
        for streamed in ("true", "false"):
            form = {"message": "tea", "session_id": "adds-up", "stream": streamed}
            server.post("/workflows/looks/runs", data=form)
        session = server.get("/sessions/adds-up", params={"type": "workflow"}).json()
        return session["session_data"]["session_metrics"]

    ours, theirs = map(metrics, servers)
    assert ours["input_tokens"] > 0
    assert json.dumps(ours) == json.dumps(theirs)
