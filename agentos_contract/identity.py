"""What things are called in one run: each by the same names from its start to its end, and no two
alike. Asked by `judge.py` when a stream is over, span by span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentos_contract.conditions import about
from agentos_contract.events import Scope
from agentos_contract.json_values import canonical, unlike
from agentos_contract.spans import EventData, Span, steps_of
from agentos_contract.verdict import Verdict

IDENTITY_REQUIREMENTS = frozenset(
    {
        "identity.nested-run-id",
        "identity.same-at-end",
        "identity.step-id-unique",
        "identity.step-index",
        "identity.step-order",
    }
)

_NAMES = (
    *("step_id", "step_name", "step_index", "parent_step_id"),
    *("agent_id", "agent_name", "team_id", "team_name", "parent_run_id"),
)
_TOOL_NAMES = ("tool_name", "tool_args")


def judge_identity(span: Span, run_id: str | None, verdict: Verdict) -> None:
    """Judge one span. `run_id` is the workflow's."""
    siblings = steps_of(span)
    if len(siblings) > 1:
        _unique(span, siblings, "step_id", "identity.step-id-unique", verdict)
        _unique(span, siblings, "step_index", "identity.step-index", verdict)
    if span.scope is Scope.WORKFLOW:
        _step_order(siblings, verdict)
        return
    if span.scope is Scope.RUN:
        message = f"{span.label} has the workflow's own run_id {span.key!r}"
        verdict.require("identity.nested-run-id", span.key != run_id, message, span.started_index)
    _same_throughout(span, verdict)


def _unique(
    span: Span, siblings: Sequence[Span], key: str, requirement: str, verdict: Verdict
) -> None:
    when = about(span)
    verdict.exercise(requirement, when=when)
    first: dict[str, Span] = {}
    for sibling in siblings:
        value = sibling.started.get(key)
        before = first.setdefault(canonical(value), sibling)
        if value is not None and before is not sibling:
            message = (
                f"{before.label} and {sibling.label} in {span.label} have the same {key} {value!r}"
            )
            if key == "step_id":
                cause = "same-step" if before.name == sibling.name else "other-step"
            else:
                is_containers = value == span.started.get(key)
                cause = "of-the-container" if is_containers else "repeated"
            verdict.report(requirement, message, sibling.started_index, cause=cause, when=when)


def _same_throughout(span: Span, verdict: Verdict) -> None:
    """What happens in something and ends it names it as its start did."""
    ends = [span.ended] if span.ended else []
    for event in (*span.within, *ends):
        verdict.exercise("identity.same-at-end")
        for key, before, after in _named_in_both(span.started, event):
            if before != after:
                here, there = unlike(after, before)
                name = event.get("event")
                message = f"{name} of {span.label} has the {key} {here}, its start {there}"
                verdict.report("identity.same-at-end", message, span.ended_index)
                return


def _step_order(siblings: Sequence[Span], verdict: Verdict) -> None:
    """At top level steps are numbered from 0 as they come."""
    found = [child.started.get("step_index") for child in siblings]
    if found and all(type(value) is int for value in found):
        message = f"the steps at top level have the step_index {found}, not 0, 1, …"
        is_kept = found == list(range(len(found)))
        verdict.require("identity.step-order", is_kept, message, siblings[-1].started_index)


def _named_in_both(start: EventData, event: EventData) -> list[tuple[str, Any, Any]]:
    """What two events of one thing call it, by key."""
    found = [(key, start[key], event[key]) for key in _NAMES if key in start and key in event]
    tools = start.get("tool"), event.get("tool")
    if isinstance(tools[0], Mapping) and isinstance(tools[1], Mapping):
        found += [(key, tools[0].get(key), tools[1].get(key)) for key in _TOOL_NAMES]
    return found
