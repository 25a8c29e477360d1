"""The engine alone, without a clock: whatever the script, the protocol is kept."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_contract.judge import RunJudge
from agentos_contract.sse import ServerSentEvent
from mockserver.engine.actions import RunCancelled, Wait
from mockserver.engine.engine import Engine
from mockserver.engine.gates import Gates
from mockserver.engine.ids import Ids
from mockserver.engine.run import Run
from mockserver.script.model import Workflow
from tests.scripts import workflow_from


def start(workflow: Workflow, message: Any = "tea", **options: Any) -> Engine:
    state = dict(workflow.session_state)
    run = Run(workflow, "run-id", "session-id", None, message, state, 1000)
    return Engine(run, ids=Ids(random.Random(5)), clock=lambda: 1000.0, **options)


def drive(engine: Engine, *, cancel_after: int | None = None) -> list[dict[str, Any]]:
    """The run's events, its waits over at once; cancelled after so many events."""
    actions = engine.actions()
    events: list[dict[str, Any]] = []
    answer: float | None = None
    while True:
        try:
            if cancel_after is not None and len(events) == cancel_after:
                cancel_after = None
                action = actions.throw(RunCancelled())
            else:
                action = next(actions) if answer is None else actions.send(answer)
        except StopIteration:
            return events
        answer = None
        if isinstance(action, Wait):
            assert action.until is not None, "nobody releases gates here"
            answer = action.until
        else:
            events.append(action)


def judge(events: list[dict[str, Any]]) -> RunJudge:
    judge = RunJudge()
    for event in events:
        judge.receive(ServerSentEvent(event["event"], json.dumps(event)))
    judge.end()
    return judge


def run_steps(*steps: dict[str, Any]) -> tuple[Run, list[dict[str, Any]]]:
    engine = start(workflow_from({"id": "w", "steps": list(steps)}))
    events = drive(engine)
    assert judge(events).violations == []
    return engine.run, events


# -- any script

NAMES = st.sampled_from(["a", "b", "c", "Zürich", "two words", "x" * 40])
TEXTS = st.sampled_from(["", "done", "{{ input }}", "a\nb", "{{ previous_step_content }}!", "😀"])
AGENT = {"id": "agent", "name": "Agent"}
MOCKS = st.fixed_dictionaries(
    {},
    optional={
        "delay": st.sampled_from([0, 0.1, 0.1, 0.25]),
        "fails": st.integers(0, 2),
        "stop": st.sampled_from([False, False, False, True]),
        "session_state": st.fixed_dictionaries({"seen": st.just("{{ input }}")}),
    },
)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    mock = draw(MOCKS)
    executors: list[dict[str, Any]] = [{}, {"agent": AGENT}, {"team": AGENT}]
    executor = draw(st.sampled_from(executors))
    if draw(st.booleans()):
        mock["chunks"] = draw(st.lists(TEXTS, max_size=3))
    else:
        mock["content"] = draw(TEXTS | st.just({"key": "{{ input }}", "list": [1, None]}))
    if executor and draw(st.booleans()):
        tool = {"name": "look", "args": {"at": "{{ input }}"}, "result": "seen"}
        mock["tools"] = draw(st.lists(st.just(tool), max_size=2))
    return {
        "type": "Step",
        "name": draw(NAMES),
        "max_retries": draw(st.integers(0, 2)),
        "skip_on_failure": draw(st.booleans()),
        "on_error": draw(st.sampled_from(["fail", "skip"])),
        "mock": mock,
        **executor,
    }


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.lists(children, max_size=3)

    def of(kind: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({"type": st.just(kind), "name": NAMES, "steps": many, **more})

    evaluators = st.sampled_from([True, False, 'input == "tea"', "session_state.nothing"])
    ends = st.sampled_from([None, "current_iteration >= 2", "all_success", "step_outputs.nothing"])
    selectors = st.sampled_from([None, "step_choices[0]", '"nobody"', "input.nothing"])
    selects = st.sampled_from(["step_choices", "[step_choices, step_choices]", ["a", "zebra"], []])
    return st.one_of(
        of("Parallel"),
        of("Steps"),
        of("Condition", evaluator=evaluators, else_steps=many),
        of("Loop", max_iterations=st.integers(0, 3), end_condition=ends),
        of("Router", selector=selectors),
        of("Router", mock=st.fixed_dictionaries({"selects": selects})),
    )


TREES = st.recursive(steps(), containers, max_leaves=12)
SCRIPTS = st.lists(TREES, max_size=4).map(lambda trees: {"id": "any", "steps": trees})


@settings(max_examples=50, deadline=None)
@given(script=SCRIPTS, share=st.floats(0, 1))
def test_whatever_the_script_the_protocol_is_kept(script: dict[str, Any], share: float) -> None:
    workflow = workflow_from(script)
    engine = start(workflow)
    events = drive(engine)
    assert judge(events).violations == []
    last = events[-1]
    record = engine.run
    if last["event"] == "WorkflowCompleted":
        assert record.status == "COMPLETED"
        assert record.to_dict().get("step_results", []) == last["step_results"]
        assert record.content == last.get("content")
    else:
        assert (last["event"], record.status) == ("WorkflowError", "ERROR")
    # The same script and seed: the same bytes.
    assert json.dumps(drive(start(workflow))) == json.dumps(events)

    # Wherever it is cancelled it ends with one terminal event.
    after = min(len(events) - 1, 1 + int(share * len(events)))
    engine = start(workflow)
    events = drive(engine, cancel_after=after)
    assert judge(events).violations == []
    assert events[-1]["event"] == "WorkflowCancelled"
    assert len(events) == after + 1
    assert engine.run.status == "CANCELLED"


# -- one by one


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_fault_of_the_mock_in_a_branch_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, is_streamed: bool
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("secret of the implementation")

    monkeypatch.setattr("mockserver.engine.steps.run_function", fail)
    tree = {"type": "Parallel", "name": "p", "steps": [step("a"), step("b", delay=1)]}
    engine = start(workflow_from({"id": "w", "steps": [tree]}), is_streamed=is_streamed)
    events = drive(engine)
    assert events[-1]["event"] == "WorkflowError"
    assert events[-1]["error"] == "the mock failed; its log says why"
    assert engine.run.status == "ERROR"


def step(name: str, **mock: Any) -> dict[str, Any]:
    return {"type": "Step", "name": name, "max_retries": 0, "mock": mock}


def names_of(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['event']} {event.get('step_name', '')}".strip() for event in events]


def test_parallel_branches_interleave_by_their_time() -> None:
    _, events = run_steps(
        {
            "type": "Parallel",
            "name": "p",
            "steps": [step("slow", delay=0.3), step("fast", delay=0.1), step("now")],
        }
    )
    assert names_of(events)[2:-2] == [
        "StepStarted slow",
        "StepStarted fast",
        "StepStarted now",
        "StepCompleted now",
        "StepCompleted fast",
        "StepCompleted slow",
    ]
    results = events[-1]["step_results"][0]["steps"]
    # Told in the script's order, as in batch, whoever was first.
    assert [result["step_name"] for result in results] == ["slow", "fast", "now"]


def test_a_step_retries_and_counts_its_tries_over_the_run() -> None:
    flaky = {**step("flaky", fails=2, content="try {{ attempt }}"), "max_retries": 2}
    record, _ = run_steps(flaky)
    assert record.content == "try 3"
    loop = {"type": "Loop", "name": "l", "max_iterations": 2, "steps": [flaky]}
    record, _ = run_steps(loop)
    assert [inner["content"] for inner in record.step_results[0]["steps"]] == ["try 3", "try 4"]


def test_a_step_that_fails_for_good_fails_the_run() -> None:
    record, events = run_steps(step("boom", fails=1, error="no luck"), step("never"))
    assert names_of(events) == [
        "WorkflowStarted",
        "StepStarted boom",
        "StepError boom",
        "WorkflowError",
    ]
    assert (record.status, record.content) == ("ERROR", "no luck")


@pytest.mark.parametrize(
    ("setting", "content"),
    [
        ({"skip_on_failure": True}, "Step boom failed but skipped"),
        ({"on_error": "skip"}, "Step skipped due to error: no luck"),
    ],
)
def test_a_skipped_failure_is_a_result_and_the_run_goes_on(
    setting: dict[str, Any], content: str
) -> None:
    record, events = run_steps(
        {**step("boom", fails=1, error="no luck"), **setting},
        step("next", content="after: {{ previous_step_content }}"),
    )
    assert "StepError boom" in names_of(events)
    assert record.status == "COMPLETED"
    assert record.step_results[0]["content"] == content
    assert record.step_results[0]["error"] == "no luck"
    assert record.content == f"after: {content}"


def test_a_stop_ends_the_run_and_closes_what_it_opened() -> None:
    stopper = step("stop", stop=True, content="enough")
    tree = {"type": "Steps", "name": "s", "steps": [stopper, step("never")]}
    record, events = run_steps({"type": "Loop", "name": "l", "steps": [tree]}, step("nor-this"))
    assert record.content == "enough"
    assert not any("never" in name or "nor-this" in name for name in names_of(events))


@pytest.mark.parametrize("kind", ["Parallel", "Condition", "Router", "Steps"])
def test_a_container_survives_its_childs_failure(kind: str) -> None:
    record, _ = run_steps(
        {"type": kind, "name": "c", "steps": [step("boom", fails=1, error="no luck")]},
        step("next", content="went on"),
    )
    assert record.content == "went on"
    assert record.step_results[0]["success"] is False
    assert "no luck" in json.dumps(record.step_results[0])


def test_session_state_is_seen_by_what_comes_after() -> None:
    record, _ = run_steps(
        step("count", session_state={"n": "{{ session_state.get('n', 0) + 1 }}"}),
        step("tell", content="{{ session_state.n }}"),
    )
    assert record.session_state == {"n": 1}
    assert record.content == "1"


def test_input_is_data_and_never_a_template() -> None:
    workflow = workflow_from({"id": "w", "steps": [step("echo", content="{{ input }}")]})
    engine = start(workflow, message="{{ 7 * 7 }}{% for x in y %}")
    drive(engine)
    assert engine.run.content == "{{ 7 * 7 }}{% for x in y %}"


def test_a_template_that_fails_on_its_values_fails_the_step() -> None:
    record, _ = run_steps(step("bad", content="{{ session_state.nothing.at_all }}"))
    assert record.status == "ERROR"
    assert "nothing" in record.content


def test_a_gate_is_waited_for_while_others_go_on() -> None:
    tree = {
        "type": "Parallel",
        "name": "p",
        "steps": [step("gated", gate="reviewed"), step("timed", delay=1)],
    }
    released: set[str] = set()
    gates = Gates(is_released=released.__contains__)
    engine = start(workflow_from({"id": "w", "steps": [tree]}), gates=gates)
    actions = engine.actions()
    seen: list[str] = []
    action = next(actions)
    while not isinstance(action, Wait):
        seen.append(action["event"])
        action = next(actions)
    assert action == Wait(1.0, frozenset({"reviewed"}))
    action = actions.send(1.0)
    while not isinstance(action, Wait):
        action = next(actions)
    assert action == Wait(None, frozenset({"reviewed"}))
    released.add("reviewed")
    rest = [actions.send(7.5), *actions]
    assert [event["event"] for event in rest if isinstance(event, dict)][-1] == "WorkflowCompleted"
    assert engine.run.duration == 7.5


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    workflow = workflow_from(
        {
            "id": "w",
            "session_state": {},
            "steps": [step("first"), step("second", session_state={"touched": True})],
        }
    )
    engine = start(workflow)
    actions = engine.actions()
    for action in actions:
        assert isinstance(action, dict)
        if action["event"] == "StepCompleted":
            break
    assert engine.run.session_state == {}
    actions.close()
    assert engine.run.session_state == {}


# -- settings that depend on the input


@pytest.mark.parametrize(
    ("mock", "message", "status", "events"),
    [
        ({"fails": "{{ 'refund' in input }}", "error": "no {{ input }}"}, "refund me", "ERROR", 1),
        ({"fails": "{{ 'refund' in input }}"}, "hello", "COMPLETED", 0),
        ({"fails": "{{ attempt < 3 }}"}, "x", "COMPLETED", 0),
        ({"stop": "{{ input == 'spam' }}"}, "spam", "COMPLETED", 0),
        ({"delay": "{{ input | length }}"}, "four", "COMPLETED", 0),
    ],
)
def test_a_setting_depends_on_the_input(
    mock: dict[str, Any], message: str, status: str, events: int
) -> None:
    steps = [{**step("first", **mock), "max_retries": 3}, step("second")]
    engine = start(workflow_from({"id": "w", "steps": steps}), message=message)
    names = [event["event"] for event in drive(engine)]
    assert engine.run.status == status
    assert names.count("StepError") == events
    if "stop" in mock:
        assert names.count("StepStarted") == 1
    if "delay" in mock:
        assert engine.run.duration == 4.0
    if status == "ERROR":
        assert engine.run.content == "no refund me"


@pytest.mark.parametrize(
    ("mock", "said"),
    [
        ({"delay": "{{ input }}"}, "mock.delay: 'x' is not a number of seconds from 0 on"),
        ({"delay": "{{ -1 }}"}, "mock.delay: -1 is not"),
        ({"fails": "{{ 1.5 }}"}, "mock.fails: 1.5 is not a number of tries, or whether"),
        ({"stop": "{{ 1 }}"}, "mock.stop: 1 is not true or false"),
    ],
)
def test_a_setting_that_cannot_be_fails_the_step(mock: dict[str, Any], said: str) -> None:
    engine = start(workflow_from({"id": "w", "steps": [step("s", **mock)]}), message="x")
    drive(engine)
    assert engine.run.status == "ERROR"
    assert said in str(engine.run.content)
