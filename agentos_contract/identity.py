"""What things are called in one run: each by the same names from its start to its end, and no two
alike. Asked by `judge.py` when a stream is over, span by span.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentos_contract.events import Scope
from agentos_contract.json_values import canonical, short
from agentos_contract.results import steps_of
from agentos_contract.spans import EventData, Span

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


class IdentityJudge:
    """Judges the spans of one run. `report` is told what is broken, `exercise` what could be."""

    def __init__(
        self,
        report: Callable[[str, str, int | None], None],
        exercise: Callable[[str], None],
    ) -> None:
        self._report = report
        self._exercise = exercise

    def judge(self, span: Span, run_id: str | None) -> None:
        """One span. `run_id` is the workflow's."""
        siblings = steps_of(span)
        self._siblings(span, siblings)
        if span.scope is Scope.WORKFLOW:
            self._step_order(siblings)
            return
        if span.scope is Scope.RUN:
            self._exercise("identity.nested-run-id")
            if span.key == run_id:
                message = f"{span.label} has the workflow's own run_id {span.key!r}"
                self._report("identity.nested-run-id", message, span.started_index)
        self._same_throughout(span)

    def _siblings(self, span: Span, siblings: Sequence[Span]) -> None:
        if len(siblings) < 2:
            return
        self._exercise("identity.step-id-unique")
        self._exercise("identity.step-index")
        for what, requirement, values in (
            ("step_id", "identity.step-id-unique", [s.started.get("step_id") for s in siblings]),
            ("step_index", "identity.step-index", [s.started.get("step_index") for s in siblings]),
        ):
            first: dict[str, Span] = {}
            for sibling, value in zip(siblings, values, strict=True):
                before = first.setdefault(canonical(value), sibling)
                if value is not None and before is not sibling:
                    message = (
                        f"{before.label} and {sibling.label} in {span.label} "
                        f"have the same {what} {value!r}"
                    )
                    self._report(requirement, message, sibling.started_index)

    def _same_throughout(self, span: Span) -> None:
        """What happens in something and ends it names it as its start did."""
        ends = [span.ended] if span.ended else []
        for event in (*span.within, *ends):
            self._exercise("identity.same-at-end")
            for key, before, after in _named_in_both(span.started, event):
                if before != after:
                    message = (
                        f"{event.get('event')} of {span.label} has the {key} {short(after)}, "
                        f"its start {short(before)}"
                    )
                    self._report("identity.same-at-end", message, span.ended_index)
                    return

    def _step_order(self, siblings: Sequence[Span]) -> None:
        """At top level steps are numbered from 0 as they come."""
        found = [child.started.get("step_index") for child in siblings]
        if not found or not all(type(value) is int for value in found):
            return
        self._exercise("identity.step-order")
        if found != list(range(len(found))):
            message = f"the steps at top level have the step_index {found}, not 0, 1, …"
            self._report("identity.step-order", message, siblings[-1].started_index)


def _named_in_both(start: EventData, event: EventData) -> list[tuple[str, Any, Any]]:
    """What two events of one thing call it, by key."""
    found = [(key, start[key], event[key]) for key in _NAMES if key in start and key in event]
    tools = start.get("tool"), event.get("tool")
    if isinstance(tools[0], Mapping) and isinstance(tools[1], Mapping):
        found += [(key, tools[0].get(key), tools[1].get(key)) for key in _TOOL_NAMES]
    return found
