"""Functions that run agents and teams within themselves: what is passed on, said and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mockserver.engine.test_agents import run, violations
from tests.scripts import problems_of

Json = dict[str, Any]

AGENT = {"id": "in", "name": "In"}
TEAM = {"id": "tm", "name": "Tm", "members": [{"id": "m", "name": "M", "mock": {"content": "me"}}]}
ASKED = {"tools": [{"name": "delegate_task_to_member", "args": {"member_id": "m", "task": "t"}}]}


def function(*runs: Json, **mock: Any) -> Json:
    return {"type": "Step", "name": "f", "max_retries": 1, "mock": {"runs": list(runs), **mock}}


def carried_out(step: Json) -> list[Json]:
    _, found = run(step, session_state={"n": 1})
    assert violations(found) == set()
    return [event for _, event in found]


def test_a_function_passes_on_its_agents_events_from_a_session_of_its_own() -> None:
    mock = {"chunks": ["a", "b"], "session_state": {"k": 2}}
    found = carried_out(function({"agent": AGENT, "mock": mock}))
    names = [event["event"] for event in found]
    assert names[1:4] == ["StepStarted", "RunStarted", "ModelRequestStarted"]
    assert names[-4:] == ["RunCompleted", "StepOutput", "StepCompleted", "WorkflowCompleted"]
    (completed,) = (event for event in found if event["event"] == "RunCompleted")
    state = completed["session_state"]
    assert (state["k"], "n" in state) == (2, False)
    assert state["current_session_id"] != completed["session_id"]
    assert state["current_run_id"] == completed["run_id"] != completed["workflow_run_id"]
    result = found[-1]["step_results"][0]
    assert (result["content"], result["executor_type"]) == ("ab", "function")
    assert (result["step_run_id"], result["metrics"]) == (None, None)


@pytest.mark.parametrize(
    ("passes_on", "expected"),
    [
        (
            "content",
            ["RunStarted", "RunContent", "RunContent", "RunContentCompleted", "RunCompleted"],
        ),
        ("nothing", []),
    ],
)
def test_it_may_pass_on_contents_alone_or_nothing(passes_on: str, expected: list[str]) -> None:
    mock = {"chunks": ["a", "b"], "tools": [{"name": "look", "result": "seen"}]}
    found = carried_out(function({"agent": AGENT, "mock": mock, "passes_on": passes_on}))
    assert [e["event"] for e in found if "agent_id" in e] == expected
    assert found[-1]["content"] == "ab"


def test_what_they_said_stands_in_answers() -> None:
    team: Json = {"team": TEAM, "mock": {"requests": [ASKED], "content": "done"}}
    both: list[Json] = [team, {"agent": AGENT, "mock": {"content": "{{ input }}"}}]
    found = carried_out(function(*both, content="{{ answers }}"))
    assert found[-1]["content"] == ["done", "tea"]
    assert carried_out(function(*both))[-1]["content"] == "medonetea"  # the member's too, as Agno


def test_an_agents_failure_does_not_fail_its_function() -> None:
    failing = {"agent": AGENT, "mock": {"fails": 9, "error": "boom"}}
    found = carried_out(function(failing, content="went on"))
    assert [e["event"] for e in found if "agent_id" in e][-1] == "RunError"
    assert found[-1]["content"] == "went on"
    silent = carried_out(function({**failing, "passes_on": "nothing"}))
    assert silent[-1]["content"] == "boom"


def test_a_function_that_fails_runs_them_again() -> None:
    found = carried_out(
        function({"agent": AGENT}, content="{{ [][attempt] if attempt < 2 else 1 }}")
    )
    assert [e["event"] for e in found].count("RunCompleted") == 2


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{type: Step, agent: {id: a}, mock: {runs: [{agent: {id: b}}]}}", "only a function runs"),
        ("{type: Step, mock: {runs: [{}]}}", "expected `agent` or `team`"),
        (
            "{type: Step, mock: {runs: [{agent: {id: b}, passes_on: all}]}}",
            "one of content, events",
        ),
        (
            "{type: Step, mock: {runs: [{agent: {id: b}, mock: {runs: [{agent: {id: c}}]}}]}}",
            "only a",
        ),
        ("{type: Step, mock: {runs: [{agnt: {id: b}}]}}", "did you mean 'agent'?"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path: Path, step: str, problem: str) -> None:
    problems = problems_of(tmp_path, a=f"id: a\nsteps:\n  - {step}\n")
    assert any(problem in each for each in problems), problems
