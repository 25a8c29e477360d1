"""Functions that run agents and teams within themselves: what is passed on, said and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.script.loader import load_scripts
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


# -- in the place of a workflow's steps, and of what a Condition or a Router decides by


def test_a_function_in_the_place_of_steps_has_no_events_of_its_own() -> None:
    _, found = run(mock={"content": "says {{ input }}", "delay": 2})
    assert violations(found) == set()
    assert [(at, event["event"]) for at, event in found] == [
        (0, "WorkflowStarted"),
        (2, "WorkflowCompleted"),
    ]
    assert (found[-1][1]["content"], found[-1][1]["step_results"]) == ("says tea", [])


def test_what_it_raises_fails_the_run() -> None:
    _, found = run(mock={"fails": True, "error": "no {{ input }}"})
    assert violations(found) == set()
    assert (found[-1][1]["event"], found[-1][1]["error"]) == ("WorkflowError", "no tea")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "mock: {content: '{{ session_state.n }}'}",
            "mock.content: there is no variable 'session_state'; expected one of additional_data, "
            "input, input_value",
        ),
        (
            "mock: {content: x}\nsteps: [{type: Step}]",
            "mock.content: it is what a function answers that stands in the place of `steps`; "
            "expected `steps` or this, not both",
        ),
        ("mock: {stop: true}", "mock.stop: unknown key 'stop'"),
        (
            "steps: [{type: Condition, evaluator: 'true', mock: {fails: true}}]",
            "mock.fails: `evaluator` is CEL, which raises nothing in Agno; expected "
            "`evaluator_type: function`",
        ),
        ("steps: [{type: Router, mock: {fails: attempt > 1}}]", "no variable 'attempt'"),
    ],
)
def test_what_no_such_function_does_is_told(tmp_path: Path, script: str, said: str) -> None:
    (problem,) = problems_of(tmp_path, w=f"id: w\n{script}\n")
    assert said in problem


@pytest.mark.parametrize("mock", [{"content": "x", "error": "e"}, {"error": "e"}])
def test_an_error_that_nothing_raises_is_warned_of(tmp_path: Path, mock: Json) -> None:
    step = {"type": "Step", "mock": mock}
    router = {"type": "Router", "choices": [step], "mock": {"error": "e"}}
    (tmp_path / "w.json").write_text(json.dumps({"id": "w", "steps": [step, router]}))
    warnings = [str(warning) for warning in load_scripts(tmp_path).warnings]
    assert len(warnings) == 3
    assert all("expected `fails` beside it" in warning for warning in warnings)


@pytest.mark.parametrize("kind", ["Condition", "Router"])
def test_what_a_container_decides_by_may_raise_before_it_starts(kind: str) -> None:
    mock = {"fails": "previous_step_content == 'a: tea'", "error": "{{ input }} is no city"}
    container = {"type": kind, "name": "c", "mock": mock, "steps": [{"type": "Step", "name": "b"}]}
    _, found = run({"type": "Step", "name": "a"}, container)
    assert violations(found) == set()
    assert [event["event"] for _, event in found][-2:] == ["StepCompleted", "WorkflowError"]
    assert found[-1][1]["error"] == "tea is no city"
