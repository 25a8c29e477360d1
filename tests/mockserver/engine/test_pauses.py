"""Runs that pause: what they ask, what their records and answers say, what goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mockserver.app import Settings, create_app
from mockserver.recordings.format import Frame, Recording
from mockserver.recordings.inference import infer_script
from mockserver.script.loader import load_scripts
from mockserver.script.model import Workflow
from tests.conftest import serving
from tests.mockserver.engine.test_agents import run, violations
from tests.runs import stream
from tests.scripts import problems_of, workflow_from

Json = dict[str, Any]
FIELDS = [{"name": "account", "description": "where to"}]


def step(name: str, **settings: Any) -> Json:
    return {"type": "Step", "name": name, "mock": {"content": name}, **settings}


def group(kind: str, **settings: Any) -> Json:
    key = "choices" if kind == "Router" else "steps"
    return {"type": kind, "name": "k", key: [step("x"), step("y")], **settings}


CONFIRMED = {"requires_confirmation": True}
INPUT = {"requires_user_input": True}


@pytest.mark.parametrize(
    ("asking", "event", "asked"),
    [
        (step("b", **CONFIRMED), "StepPaused", {"requires_confirmation": True}),
        (
            step("b", **CONFIRMED, confirmation_message="sure?", on_reject="cancel"),
            "StepPaused",
            {"confirmation_message": "sure?", "on_reject": "cancel"},
        ),
        (
            step("b", **INPUT, user_input_message="where?", user_input_schema=FIELDS),
            "StepPaused",
            {"requires_user_input": True, "user_input_message": "where?"},
        ),
        (group("Loop", **CONFIRMED), "StepPaused", {"confirmation_message": "Execute loop 'k'?"}),
        (group("Condition", **CONFIRMED), "StepPaused", {"on_reject": "else"}),
        (group("Steps", **CONFIRMED), "StepPaused", {"step_type": "Steps"}),
        (group("Router", **CONFIRMED, **INPUT), "StepPaused", {"requires_route_selection": False}),
        (
            group("Router", **INPUT),
            "RouterPaused",
            {
                "requires_route_selection": True,
                "available_choices": ["x", "y"],
                "user_input_message": "Select a route from: x, y",
            },
        ),
    ],
)
def test_a_run_waits_at_a_step_that_asks(asking: Json, event: str, asked: Json) -> None:
    record, events = run(step("a"), asking, step("c"))
    assert violations(events) == set()
    last = events[-1][1]
    assert (last["event"], last["step_name"], last["step_index"]) == (event, asking["name"], 1)
    body = record.to_dict()
    assert (body["status"], "content" in body) == ("PAUSED", False)
    assert (body["paused_step_index"], body["paused_step_name"]) == (1, asking["name"])
    assert [result["step_name"] for result in body["step_results"]] == ["a"]
    (requirement,) = body["step_requirements"]
    assert requirement.items() >= asked.items()
    assert requirement["step_input"]["previous_step_content"] == "a"
    for key in asked.keys() & last.keys():
        assert last[key] == asked[key]


def test_a_failure_may_pause_the_run() -> None:
    failing = step("b", on_error="pause", max_retries=0)
    record, events = run(failing | {"mock": {"fails": 9, "error": "boom"}}, step("c"))
    assert violations(events) == set()
    assert [event["event"] for _, event in events][-2:] == ["StepError", "StepPaused"]
    (requirement,) = record.to_dict()["error_requirements"]
    assert (requirement["error_message"], requirement["decision"]) == ("boom", None)


@pytest.mark.parametrize(
    ("asking", "warning"),
    [
        (group("Parallel", **CONFIRMED), "steps[0].requires_confirmation: Agno's Parallel never"),
        (group("Loop", **INPUT), "steps[0].requires_user_input: Agno's Loop takes no input"),
        (
            {"type": "Steps", "steps": [step("b", **CONFIRMED)]},
            "steps[0].steps[0].requires_confirmation: as in Agno only a step of the workflow",
        ),
    ],
)
def test_what_agno_does_not_heed_is_warned_of(tmp_path: Path, asking: Json, warning: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"id": "a", "steps": [asking]}))
    assert [warning in str(each) for each in load_scripts(tmp_path).warnings] == [True]
    assert run(asking)[0].status == "COMPLETED"


def test_a_wrong_field_is_a_problem(tmp_path: Path) -> None:
    text = "id: a\nsteps: [{type: Step, requires_user_input: true, user_input_schema: [{nme: x}]}]"
    problems = problems_of(tmp_path, a=text)
    assert any("unknown key 'nme'" in problem for problem in problems), problems


WAITING: Json = {"name": "wire", "args": {"to": "bob"}, "requires_confirmation": True}


@pytest.mark.parametrize("said", [{"content": "Now: "}, {}])
def test_a_tool_that_waits_pauses_its_agent_and_not_the_workflow(said: Json) -> None:
    asked_for = {**said, "tools": [WAITING, {"name": "look", "result": "seen"}]}
    mock = {"requests": [asked_for], "content": "never said"}
    described = {"agent": {"id": "ag", "name": "Ag"}, "mock": mock}
    record, events = run(step("a", **described), step("b"))
    assert violations(events) == set()
    names = [event["event"] for _, event in events if "agent_id" in event]
    assert names[-4:] == [
        "ToolCallStarted",
        "ToolCallCompleted",
        "RunContentCompleted",
        "RunPaused",
    ]
    (paused,) = (event for _, event in events if event["event"] == "RunPaused")
    assert paused["content"] == said.get(
        "content", "I have tools to execute, but I need confirmation."
    )
    assert [tool["tool_name"] for tool in paused["tools"]] == ["wire", "look"]
    (requirement,) = paused["requirements"]
    assert requirement["tool_execution"]["requires_confirmation"] is True
    assert record.status == "COMPLETED"
    assert record.step_executor_runs[0]["status"] == "PAUSED"
    assert record.step_results[0]["content"] == paused["content"]


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ("[{name: w, requires_confirmation: true, result: x}]", "the tool is not called"),
        ("[{name: w, requires_confirmation: true}, {name: w}]", "in one call and not in another"),
        ("[{name: w, requires_confirmation: true, external_execution: true}]", "for one thing"),
    ],
)
def test_a_tool_that_waits_is_not_called(tmp_path: Path, tools: str, problem: str) -> None:
    mock = f"{{requests: [{{tools: {tools}}}]}}"
    text = f"id: a\nsteps: [{{type: Step, agent: {{id: b}}, mock: {mock}}}]"
    assert any(problem in each for each in problems_of(tmp_path, a=text))


def test_a_teams_tool_does_not_wait(tmp_path: Path) -> None:
    tools = "[{name: w, requires_confirmation: true}]"
    text = f"id: a\nsteps: [{{type: Step, team: {{id: b}}, mock: {{tools: {tools}}}}}]"
    assert any("only an agent's tool" in each for each in problems_of(tmp_path, a=text))


def test_a_recording_tells_which_tools_waited(tmp_path: Path) -> None:
    mock = {"requests": [{"content": "Now: ", "tools": [WAITING]}], "content": "never said"}
    asking = {"type": "Step", "name": "a", "agent": {"id": "ag", "name": "Ag"}}
    _, events = run({**asking, "mock": mock})
    frames = tuple(Frame(0.0, event["event"], event) for _, event in events)
    recording = Recording("w", {"message": "tea", "stream": "true"}, 200, frames)
    script = infer_script({"id": "w", "name": "w", "steps": [asking]}, [recording])
    (tmp_path / "w.yaml").write_text(script, encoding="utf-8")
    (workflow,) = load_scripts(tmp_path).workflows.values()
    again = run(*workflow.source["steps"])[1]
    assert [event["event"] for _, event in again] == [event["event"] for _, event in events]


@pytest.fixture(scope="module")
def asked() -> Workflow:
    return workflow_from(
        {"id": "asked", "name": "Asked", "steps": [step("a"), step("b", **CONFIRMED)]}
    )


@pytest.fixture(scope="module")
def client(asked: Workflow) -> Iterator[httpx2.Client]:
    with (
        serving(create_app(Settings(workflows={"asked": asked}))) as url,
        httpx2.Client(base_url=url) as client,
    ):
        yield client


def test_it_is_paused_for_who_asks_later(client: httpx2.Client) -> None:
    run_id = stream(client, "asked", session_id="s").payloads[0]["run_id"]
    path = f"/workflows/asked/runs/{run_id}"
    body = client.get(path, params={"session_id": "s"}).json()
    assert (body["status"], list(body)[-2:]) == ("PAUSED", ["events", "step_requirements"])
    assert body["events"][-1]["event"] == "StepPaused"
    (kept,) = client.get("/sessions/s/runs", params={"type": "workflow"}).json()
    assert kept["status"] == "PAUSED"
    assert client.post(f"{path}/cancel").status_code == 200
    assert client.get(path, params={"session_id": "s"}).json()["status"] == "PAUSED"


def test_a_recording_tells_what_a_step_asks(client: httpx2.Client, tmp_path: Path) -> None:
    sent = stream(client, "asked").payloads
    frames = tuple(Frame(0.0, payload["event"], payload) for payload in sent)
    description = client.get("/workflows/asked").json()
    recording = Recording("asked", {"message": "tea", "stream": "true"}, 200, frames)
    (tmp_path / "w.yaml").write_text(infer_script(description, [recording]), encoding="utf-8")
    (workflow,) = load_scripts(tmp_path).workflows.values()
    assert [one.pause is not None for one in workflow.steps] == [False, True]
    # A step that a function carries out: as agno-2.5.6 it pauses too, as the recorded server did.
    assert [bool(one.pause and one.pause.is_of_function) for one in workflow.steps] == [False, True]


FORGOTTEN = frozenset({"pause.forgotten"})


def test_what_a_function_asks_is_not_forgotten() -> None:
    asks = {"content": "b", "pauses": True}
    for asking in (CONFIRMED, INPUT):
        record, events = run(
            step("a", **asking), step("b", **asking, mock=asks), deviations=FORGOTTEN
        )
        assert (record.status, events[-1][1]["step_name"]) == ("PAUSED", "b")
    failing = {"fails": 9, "pauses": True}
    settings = {"on_error": "pause", "max_retries": 0}
    record, _ = run(step("b", **CONFIRMED, **settings, mock=failing), deviations=FORGOTTEN)
    assert record.status == "PAUSED"


@pytest.mark.parametrize(
    "asking",
    [
        {"mock": {"pauses": True}},
        {**CONFIRMED, "agent": {"id": "a"}, "mock": {"pauses": True}},
        {"on_error": "pause", "mock": {"pauses": True}},
    ],
)
def test_only_a_function_that_asks_pauses_so(tmp_path: Path, asking: Json) -> None:
    script = {"id": "w", "steps": [{"type": "Step", "name": "s", **asking}]}
    (problem,) = problems_of(tmp_path, w=json.dumps(script))
    assert "only a function of the workflow itself asks so" in problem
