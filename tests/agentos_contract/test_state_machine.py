"""The state machine takes whatever comes: any order, any depth, any number of events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.events import EVENTS
from agentos_contract.judge import JUDGED_REQUIREMENTS
from agentos_contract.state_machine import RunStateMachine
from tests.agentos_contract.test_judge import event, judged

IDS = st.sampled_from(["a", "b", "c", ""])
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("step_id", "parent_step_id", "run_id", "parent_run_id"), IDS),
        "step_name": IDS,
        "step_index": st.integers(0, 2),
        "iteration": st.integers(1, 2),
        "tool": st.fixed_dictionaries({"tool_call_id": IDS}),
    },
)


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), PAYLOADS), max_size=60))
def test_any_events_in_any_order(events: list[tuple[str, dict[str, Any]]]) -> None:
    machine = RunStateMachine()
    violations = machine.receive("WorkflowStarted", {})
    for name, payload in events:
        violations += machine.receive(name, payload)
    violations += machine.end()
    assert {violation.requirement for violation in violations} <= JUDGED_REQUIREMENTS
    assert machine.root is not None
    spans = list(machine.root.walk())
    assert len(set(spans)) == len(spans)
    for span in spans:
        assert list(span.open_children) == [child for child in span.children if child.is_open]
        assert span.is_open or not span.open_children
    assert machine.root.is_open is (not machine.state.is_terminal)


def nested(depth: int) -> list[dict[str, Any]]:
    """Containers, each in the one before; none ends."""
    started = []
    for number in range(depth):
        parent = {"parent_step_id": f"id-{number - 1}"} if number else {}
        about = {"step_id": f"id-{number}", "step_name": f"at {number}", "step_index": 0}
        started.append(event("StepsExecutionStarted", **about, **parent))
    return [event("WorkflowStarted"), *started]


@pytest.mark.parametrize("depth", [1_100, 19_000])
@pytest.mark.parametrize("end", ["WorkflowCompleted", "WorkflowError", "WorkflowCancelled"])
def test_containers_nest_as_deep_as_they_like(depth: int, end: str) -> None:
    judge = judged([*nested(depth), event(end)])
    unended = [v for v in judge.violations if v.requirement == "order.ended"]
    assert len(unended) == (depth if end == "WorkflowCompleted" else 0)
    # From within to without.
    assert [v.message.split("'")[1] for v in unended[:2]] == [f"at {depth - 1}", f"at {depth - 2}"][
        : len(unended)
    ]
    assert judge.machine.state.is_terminal


def test_deep_containers_that_end_in_order_break_nothing_of_that() -> None:
    started = nested(5_000)
    ended = [
        {**one, "event": "StepsExecutionCompleted", "step_results": []}
        for one in reversed(started[1:])
    ]
    judge = judged([*started, *ended, event("WorkflowCompleted")])
    # Each but the innermost has no result of the one in it; nothing else is wrong.
    assert {violation.requirement for violation in judge.violations} == {"results.in-container"}
    assert len(judge.violations) == 4_999


def test_results_of_one_id_without_number() -> None:
    """A step again and again, and as many results that are none of them."""
    steps = [
        event(name, step_id="id", step_name="again", step_index=number, content="one")
        for number in range(5_000)
        for name in ("StepStarted", "StepCompleted")
    ]
    other = {"step_id": "id", "step_name": "again", "content": "another"}
    stream = [
        event("WorkflowStarted"),
        *steps,
        event("WorkflowCompleted", step_results=[other] * 5_000),
    ]
    found = {violation.requirement for violation in judged(stream).violations}
    assert found == {"identity.step-id-unique", "results.content"}
