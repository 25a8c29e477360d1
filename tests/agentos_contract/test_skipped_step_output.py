"""A failed step that is skipped: its StepOutput has no name, only the place where it stands."""

from __future__ import annotations

from agentos_contract.state_machine import RunStateMachine

RUN = {"workflow_id": "w", "session_id": "s", "run_id": "r"}
STEP = {**RUN, "step_id": "a", "step_name": "A", "step_index": 1}


def test_it_belongs_to_the_step_that_stands_there() -> None:
    machine = RunStateMachine()
    machine.receive("WorkflowStarted", RUN)
    machine.receive("StepStarted", STEP)
    output = {**RUN, "step_index": 1, "step_output": {"content": "failed but skipped"}}
    assert machine.receive("StepOutput", output) == []
    elsewhere = {**output, "step_index": 2}
    assert [v.requirement for v in machine.receive("StepOutput", elsewhere)] == ["order.within"]
    named = {**elsewhere, "step_index": 1, "step_name": "B"}
    assert [v.requirement for v in machine.receive("StepOutput", named)] == ["order.within"]
