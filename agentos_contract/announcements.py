"""What steps and agents announce before they end, which says again what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos_contract.events import Scope
from agentos_contract.spans import Span

STEP_OUTPUT = "StepOutput"

ANNOUNCED = {"order.step-output": STEP_OUTPUT, "order.content-completed": "RunContentCompleted"}
"""What is announced before something ends, by the requirement."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Whether a step or a run that ended well announced what it said."""

    requirement: str
    span: Span
    does: bool

    @property
    def is_top_level(self) -> bool:
        return self.span.parent is not None and self.span.parent.scope is Scope.WORKFLOW

    @property
    def path(self) -> tuple[str, ...]:
        """Its name and those of what it is in, the same in each run of a workflow."""
        names, span = [self.span.name], self.span.parent
        while span is not None:
            if span.scope is not Scope.ITERATION:
                names.append(span.name)
            span = span.parent
        return tuple(names)


def announcements(root: Span) -> list[Announcement]:
    """Of each step that a function carried out, and each agent's or team's run that streamed
    content, whether it announced what it said."""
    found = []
    for span in root.walk():
        if span.scope is Scope.STEP and _is_function(span):
            does = any(event.get("event") == STEP_OUTPUT for event in span.within)
            found.append(Announcement("order.step-output", span, does))
        if span.scope is Scope.RUN and str((span.ended or {}).get("event")).endswith(
            "RunCompleted"
        ):
            names = [str(event.get("event")) for event in span.within]
            if any(name.endswith("RunContent") for name in names):
                does = names[-1].endswith("RunContentCompleted")
                found.append(Announcement("order.content-completed", span, does))
    return found


def _is_function(span: Span) -> bool:
    """Whether a step ended well, and no agent or team carried it out."""
    ended = span.ended or {}
    response = ended.get("step_response")
    return (
        ended.get("event") == "StepCompleted"
        and isinstance(response, Mapping)
        and response.get("executor_type", "function") == "function"
        and not any(child.scope is Scope.RUN for child in span.children)
    )
