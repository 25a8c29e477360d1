"""Conditions: what must have happened in a run for some faults to show, or to be seen gone.

A known deviation is gone only where something could have shown it. Most requirements say by
themselves what that is; for some faults it takes more: a Loop that its maximum ended, a step that
failed. Each such condition has a word here, and the judge says of what it judged which hold.
"""

from __future__ import annotations

from agentos_contract.events import CONTAINERS, Scope
from agentos_contract.spans import Span, steps_of

RUN_CONDITIONS = {
    "workflow": "of the workflow itself",
    "step": "of a step",
    "parallel": "of a Parallel",
    "condition": "of a Condition",
    "loop": "of a Loop",
    "iteration": "of a Loop's iteration",
    "router": "of a Router",
    "steps": "of a Steps",
    "agent": "of an agent's or a team's run",
    "model-request": "of a request to a model",
    "tool": "of a tool call",
    "nested": "of a container that is numbered within another one (its step_index is a list)",
    "ran-nothing": "of a Condition that was not met or a Router that selected nothing",
    "one-step": "of a run of one step, which no step comes after",
    "around-nothing": "of a container with such a Condition or Router in it",
    "cut-short": "of a Router that did not come to the last of the steps that it selected",
    "ran-twice": "of a Router that ran a step twice",
    "step-stopped": "of one of the workflow's own steps or containers, and it stopped the run",
    "step-failed": "of a step that failed for good, or of what it failed with it",
    "step-skipped": "of a step whose failure was skipped",
    "tried-again": "of an agent's run whose model was asked again after it had failed",
    "tool-failed": "of a tool call that failed",
    "media": "of a result with images, videos, audio or files",
    "agent-failed": "of a run in which the agent or team of a step failed",
    "member-failed": "of a run in which a member of a team failed",
    "overlapping": "of a session in which two runs were under way at a time",
}
"""What the words mean; several may hold at once."""

PARTS = {
    Scope.WORKFLOW: "workflow",
    Scope.STEP: "step",
    Scope.PARALLEL: "parallel",
    Scope.CONDITION: "condition",
    Scope.LOOP: "loop",
    Scope.ITERATION: "iteration",
    Scope.ROUTER: "router",
    Scope.STEPS: "steps",
    Scope.RUN: "agent",
    Scope.MODEL_REQUEST: "model-request",
    Scope.TOOL_CALL: "tool",
}


def about(span: Span) -> frozenset[str]:
    """The conditions that hold of a span by itself."""
    found = {PARTS[span.scope]} if span.scope in PARTS else set()
    if span.scope not in CONTAINERS:
        return frozenset(found)
    if isinstance(span.started.get("step_index"), list):
        found.add("nested")
    steps = steps_of(span)
    if span.scope in (Scope.CONDITION, Scope.ROUTER) and not steps:
        found.add("ran-nothing")
    if span.scope is Scope.ROUTER:
        selected = span.started.get("selected_steps")
        if isinstance(selected, list) and 0 < len(steps) < len(selected):
            found.add("cut-short")
        names = [step.name for step in steps if step.scope is Scope.STEP]
        if len(set(names)) < len(names):
            found.add("ran-twice")
    return frozenset(found)
